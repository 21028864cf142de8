//! Reading topics.

use std::borrow::Cow;

use async_trait::async_trait;
use chrono::NaiveDate;
use messages::{digest::H, directory::Head, encoding::Fixed};
use service_kit::{
    event_log::Offset,
    lease::{Claim, Lease},
    outbox::Row as OutboxRow,
};
use sqlx::Row as _;

use super::{
    Connection, TableStore, advance, count, fixed, funds, insert, int, leases, parsed, votes,
};
use crate::{
    domain::{
        Month, Refusal, VoteBatch,
        funds::FundsTotals,
        head::{WITNESS_START, witness_hash},
    },
    store::{Effect, Inbox, Place, Raw, Read, Result, Span, StoreError, Taken},
};

#[async_trait]
impl Inbox for TableStore {
    async fn is_known_log(&self, identity: &str) -> Result<bool> {
        let known = "SELECT identity FROM consumer_log";
        if let Some(row) = sqlx::query(known).fetch_optional(self.db.readers()).await? {
            return Ok(row.try_get::<String, _>("identity")? == identity);
        }
        let mut tx = self.db.begin().await?;
        let remember =
            "INSERT INTO consumer_log (one, identity) VALUES (0, $1) ON CONFLICT DO NOTHING";
        sqlx::query(remember)
            .bind(identity)
            .execute(&mut *tx)
            .await?;
        let row = sqlx::query(known).fetch_one(&mut *tx).await?;
        tx.commit().await?;
        Ok(row.try_get::<String, _>("identity")? == identity)
    }

    async fn position(&self, place: &Place) -> Result<Offset> {
        let row = sqlx::query(
            "SELECT next_offset FROM consumer_offset WHERE topic = $1 AND partition = $2",
        )
        .bind(&place.topic)
        .bind(i64::from(place.partition))
        .fetch_optional(self.db.readers())
        .await?;
        row.map_or(Ok(0), |row| count(&row, "next_offset"))
    }

    async fn claim(&self, place: &Place, claim: Claim) -> Result<Option<(Lease, Offset)>> {
        let name = format!("read:{}/{}", place.topic, place.partition);
        let mut tx = self.db.begin().await?;
        let Some(lease) = leases::take(&mut tx, &name, claim).await? else {
            return Ok(None);
        };
        let row = sqlx::query(
            "INSERT INTO consumer_offset (topic, partition, next_offset) VALUES ($1, $2, 0)
             ON CONFLICT (topic, partition) DO UPDATE SET topic = $1 RETURNING next_offset",
        )
        .bind(&place.topic)
        .bind(i64::from(place.partition))
        .fetch_one(&mut *tx)
        .await?;
        let position = count(&row, "next_offset")?;
        tx.commit().await?;
        Ok(Some((lease, position)))
    }

    async fn release(&self, lease: &Lease) -> Result<()> {
        let mut tx = self.db.begin().await?;
        leases::release(&mut tx, lease).await?;
        Ok(tx.commit().await?)
    }

    async fn count_votes(
        &self,
        span: &Span,
        votes: &VoteBatch,
        refused: &[(Raw, Refusal)],
    ) -> Result<Taken> {
        let mut tx = self.db.begin().await?;
        let Some(mut moved) = advance(&mut tx, span).await? else {
            return Ok(Taken::Overtaken);
        };
        let mut new = Cow::Borrowed(votes);
        // Mostly all events are new, and the number of rows says so. If it does not, nothing is kept of them, and those that are
        // known are asked for.
        if !votes::remember(&mut tx, &new).await? {
            tx.rollback().await?;
            tx = self.db.begin().await?;
            moved = match advance(&mut tx, span).await? {
                Some(moved) => moved,
                None => return Ok(Taken::Overtaken),
            };
            let mut known = votes::known(&mut tx, &new).await?;
            new.to_mut().keep(|event| known.insert(event));
            if !votes::remember(&mut tx, &new).await? {
                return Err(StoreError::Corrupt(
                    "an event that is there and cannot be found",
                ));
            }
        }
        let mut effect = Effect {
            applied: new.len() as u64,
            known: (votes.len() - new.len()) as u64,
            ..Effect::default()
        };
        for (raw, refusal) in refused {
            put_aside(&mut tx, &span.place, raw, *refusal, &mut effect).await?;
        }
        votes::pile_up(&mut tx, &new, moved.closed).await?;
        tx.commit().await?;
        Ok(Taken::Moved(effect))
    }

    async fn take_funds(
        &self,
        span: &Span,
        read: &[Read<FundsTotals>],
        today: NaiveDate,
    ) -> Result<Taken> {
        let mut tx = self.db.begin().await?;
        if advance(&mut tx, span).await?.is_none() {
            return Ok(Taken::Overtaken);
        }
        let mut effect = Effect::default();
        for Read { raw, said } in read {
            let refused = match said {
                Ok(totals) => funds::take(&mut tx, raw, totals, today, &mut effect)
                    .await?
                    .err(),
                Err(refusal) => Some(*refusal),
            };
            if let Some(refusal) = refused {
                put_aside(&mut tx, &span.place, raw, refusal, &mut effect).await?;
            }
        }
        tx.commit().await?;
        Ok(Taken::Moved(effect))
    }

    async fn witness(&self, span: &Span, read: &[Read<Head>]) -> Result<Taken> {
        let mut tx = self.db.begin().await?;
        if advance(&mut tx, span).await?.is_none() {
            return Ok(Taken::Overtaken);
        }
        let mut effect = Effect::default();
        for Read { raw, said } in read {
            let refused = match said {
                Ok(head) => keep(&mut tx, head, &mut effect).await?.err(),
                Err(refusal) => Some(*refusal),
            };
            if let Some(refusal) = refused {
                put_aside(&mut tx, &span.place, raw, refusal, &mut effect).await?;
            }
        }
        tx.commit().await?;
        Ok(Taken::Moved(effect))
    }

    async fn rewind(
        &self,
        identity: &str,
        starts: &[(Place, Offset)],
        now_ms: i64,
    ) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let reader = sqlx::query("SELECT 1 FROM lease WHERE name LIKE 'read:%' AND until_ms > $1")
            .bind(now_ms)
            .fetch_optional(&mut *tx)
            .await?;
        if reader.is_some() {
            return Ok(false);
        }
        for statement in ["DELETE FROM consumer_offset", "DELETE FROM consumer_log"] {
            sqlx::query(statement).execute(&mut *tx).await?;
        }
        sqlx::query("INSERT INTO consumer_log (one, identity) VALUES (0, $1)")
            .bind(identity)
            .execute(&mut *tx)
            .await?;
        for (place, start) in starts {
            sqlx::query(
                "INSERT INTO consumer_offset (topic, partition, next_offset) VALUES ($1, $2, $3)",
            )
            .bind(&place.topic)
            .bind(i64::from(place.partition))
            .bind(int(*start)?)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn forget_events(&self, month: Month, limit: u32) -> Result<u64> {
        let mut tx = self.db.begin().await?;
        let deleted = sqlx::query(
            "DELETE FROM counted_event WHERE id IN
                 (SELECT id FROM counted_event WHERE month < $1 LIMIT $2)",
        )
        .bind(month.to_string())
        .bind(i64::from(limit))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(deleted.rows_affected())
    }
}

/// The most of a record that its dead letter repeats: where it stands is said, too.
const LETTER_BYTES_MAX: usize = 64 * 1024;

/// Sends a record to `<topic>.dead-letter`, with the reason and its position, through the outbox.
async fn put_aside(
    conn: &mut Connection,
    place: &Place,
    raw: &Raw,
    refusal: Refusal,
    effect: &mut Effect,
) -> Result<()> {
    let Place { topic, partition } = place;
    let id = H::new("bt/dead-letter/1")
        .part(topic.as_bytes())
        .part(&partition.to_be_bytes())
        .part(&raw.offset.to_be_bytes());
    let letter = serde_json::json!({
        "topic": topic,
        "partition": partition,
        "offset": raw.offset,
        "reason": refusal.to_string(),
        "key": shown(&raw.key),
        "value": shown(&raw.value),
        "valueBytes": raw.value.len(),
    });
    let row = OutboxRow {
        id: id.finish(),
        topic: format!("{topic}.dead-letter"),
        key: Vec::new(),
        value: letter.to_string().into_bytes(),
    };
    insert(conn, &row).await?;
    effect.refused += 1;
    effect.alarms += u64::from(refusal.is_alarm());
    Ok(())
}

fn shown(bytes: &[u8]) -> String {
    hex::encode(bytes.get(..LETTER_BYTES_MAX).unwrap_or(bytes))
}

/// Keeps a head that extends the last one: of a later day, and no shorter; a repeat says nothing new.
async fn keep(
    conn: &mut Connection,
    head: &Head,
    effect: &mut Effect,
) -> Result<std::result::Result<(), Refusal>> {
    let last = sqlx::query(
        "SELECT position, day, size, hash, chain FROM directory_head ORDER BY position DESC LIMIT 1",
    )
    .fetch_optional(&mut *conn)
    .await?;
    let mut position = 0;
    let mut chain: Fixed<32> = WITNESS_START;
    if let Some(row) = last {
        let (day, size): (NaiveDate, u64) = (parsed(&row, "day")?, count(&row, "size")?);
        if head.day <= day {
            return repeats(conn, head, effect).await;
        }
        let same_size = head.size == size && head.hash != fixed(&row, "hash")?;
        if head.size < size || same_size {
            return Ok(Err(Refusal::OtherHead));
        }
        position = count(&row, "position")? + 1;
        chain = fixed(&row, "chain")?;
    }
    sqlx::query(
        "INSERT INTO directory_head (position, day, size, hash, signature, chain)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(int(position)?)
    .bind(head.day.to_string())
    .bind(int(head.size)?)
    .bind(head.hash.as_bytes().to_vec())
    .bind(head.signature.as_bytes().to_vec())
    .bind(witness_hash(&chain, head).as_bytes().to_vec())
    .execute(conn)
    .await?;
    effect.applied += 1;
    Ok(Ok(()))
}

async fn repeats(
    conn: &mut Connection,
    head: &Head,
    effect: &mut Effect,
) -> Result<std::result::Result<(), Refusal>> {
    let row = sqlx::query("SELECT size, hash FROM directory_head WHERE day = $1")
        .bind(head.day.to_string())
        .fetch_optional(conn)
        .await?;
    let Some(row) = row else {
        return Ok(Err(Refusal::OtherHead));
    };
    if count(&row, "size")? == head.size && fixed(&row, "hash")? == head.hash {
        effect.known += 1;
        return Ok(Ok(()));
    }
    Ok(Err(Refusal::OtherHead))
}
