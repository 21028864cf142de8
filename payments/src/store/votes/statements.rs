//! The statements of the votes' database, for both engines.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use async_trait::async_trait;
use chrono::{NaiveDate, NaiveTime, SecondsFormat};
use messages::{KeyId, avro, avro::Record as _};
use service_kit::{
    db::migrator,
    event_log::NewRecord,
    outbox::{Outbox, Row},
};
use sqlx::Row as _;

use super::{Connection, Database, OpenError, SCRIPTS, TableOutbox, insert_all, settle};
use crate::{
    domain::vote::{RedeemedVote, VoteId},
    store::votes::{KeyCount, Standing, Store, VotesDatabase},
    votes::VoteRules,
};

/// Ids of votes in rows of 48 bytes: key id and vote id.
const INSERT_VOTES: &str = "
    WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2)
    INSERT INTO vote (key_id, vote_id)
    SELECT substr($1, 48 * i + 1, 16), substr($1, 48 * i + 17, 32) FROM n WHERE TRUE
    ON CONFLICT (key_id, vote_id) DO NOTHING RETURNING vote_id";

/// The votes' database on its engine.
#[derive(Clone)]
pub struct TableVotes {
    db: Database,
    topic: String,
    rules: VoteRules,
}

impl TableVotes {
    /// Opens the database at `url`. Votes are published to `topic`.
    pub async fn open(url: &str, topic: String, rules: VoteRules) -> Result<Self, OpenError> {
        let db = Database::open(url, &migrator(SCRIPTS)).await?;
        Ok(Self { db, topic, rules })
    }

    /// The database itself, for whoever looks at what it keeps.
    pub fn db(&self) -> &Database {
        &self.db
    }

    /// The row that becomes the event of `vote`. Its day is filled in when it is published.
    fn row(&self, vote: &RedeemedVote) -> Row {
        let channel = vote.text.publisher.as_str();
        let event = avro::Vote {
            id: (self.rules.event_id)(vote.id).to_string(),
            kind: vote.text.kind.as_str().to_owned(),
            channel: channel.to_owned(),
            created_at: String::new(),
            base_vote_value: vote.value.to_string(),
            vote_tally: stored(vote.tokens),
            funding_source: vote.funding_source.to_string(),
        };
        Row {
            id: vote.id.0,
            topic: self.topic.clone(),
            key: channel.as_bytes().to_vec(),
            value: event.encode(),
        }
    }
}

/// Fills in the day of publication, the only time that an event has.
fn stamp(row: Row, today: NaiveDate) -> anyhow::Result<NewRecord> {
    let midnight = today.and_time(NaiveTime::MIN).and_utc();
    let created_at = midnight.to_rfc3339_opts(SecondsFormat::Secs, true);
    let event = avro::VoteView {
        created_at: &created_at,
        ..avro::VoteView::decode(&row.value)?
    };
    let value = event.encode();
    Ok(NewRecord {
        headers: Vec::new(),
        topic: row.topic,
        key: row.key,
        value,
        timestamp: midnight,
    })
}

#[async_trait]
impl VotesDatabase for TableVotes {
    fn outbox(&self) -> Arc<dyn Outbox> {
        Arc::new(TableOutbox::new(self.db.clone(), Arc::new(stamp)))
    }

    async fn check(&self) -> anyhow::Result<()> {
        Ok(self.db.check().await?)
    }

    async fn close(&self) {
        self.db.close().await;
    }
}

#[async_trait]
impl Store for TableVotes {
    async fn standing(&self, vote: VoteId, key: KeyId) -> sqlx::Result<Standing> {
        let row = sqlx::query(
            "SELECT EXISTS (SELECT 1 FROM vote WHERE key_id = $1 AND vote_id = $2),
                    coalesce((SELECT redeemed_total FROM key_count WHERE key_id = $1), 0)",
        )
        .bind(&key.as_bytes()[..])
        .bind(&vote.0[..])
        .fetch_one(self.db.readers())
        .await?;
        Ok(Standing {
            recorded: row.get(0),
            redeemed_total: row.get::<i64, _>(1).unsigned_abs(),
        })
    }

    async fn record(&self, votes: &[RedeemedVote]) -> sqlx::Result<()> {
        if votes.is_empty() {
            return Ok(());
        }
        let mut tx = self.db.begin().await?;
        let new = insert_votes(&mut tx, votes).await?;
        let rows: Vec<Row> = new.iter().map(|vote| self.row(vote)).collect();
        insert_all(&mut tx, &self.topic, &rows).await?;
        let mut counts: BTreeMap<KeyId, (u64, u64)> = BTreeMap::new();
        for vote in votes {
            let (_, redeemed_total) = counts.entry(vote.key).or_default();
            *redeemed_total = vote.redeemed_total.max(*redeemed_total);
        }
        for vote in new {
            let (tokens, _) = counts.entry(vote.key).or_default();
            *tokens = tokens.saturating_add(vote.tokens);
        }
        for (key, (tokens, redeemed_total)) in counts {
            count(&mut tx, key, tokens, redeemed_total).await?;
        }
        tx.commit().await
    }

    async fn key_counts(&self) -> sqlx::Result<Vec<KeyCount>> {
        let rows = sqlx::query(
            "SELECT key_id, tokens_counted, redeemed_total FROM key_count ORDER BY key_id",
        )
        .fetch_all(self.db.readers())
        .await?;
        rows.iter()
            .map(|row| {
                let key = <[u8; 16]>::try_from(row.get::<&[u8], _>(0))
                    .map_err(|error| sqlx::Error::Decode(error.into()))?;
                Ok(KeyCount {
                    key: KeyId::from_bytes(key),
                    tokens_counted: row.get::<i64, _>(1).unsigned_abs(),
                    redeemed_total: row.get::<i64, _>(2).unsigned_abs(),
                })
            })
            .collect()
    }

    async fn forget_votes(&self, key: KeyId, limit: u32) -> sqlx::Result<u64> {
        let mut tx = self.db.begin().await?;
        let forgotten = sqlx::query(
            "DELETE FROM vote WHERE key_id = $1 AND vote_id IN
                 (SELECT vote_id FROM vote WHERE key_id = $1 ORDER BY vote_id LIMIT $2)",
        )
        .bind(&key.as_bytes()[..])
        .bind(i64::from(limit))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        if forgotten.rows_affected() > 0 {
            self.db.forget_deleted().await?;
        }
        Ok(forgotten.rows_affected())
    }

    async fn settle(&self) -> sqlx::Result<()> {
        settle(&self.db).await
    }
}

/// Writes the ids of votes, and answers with the votes that are new, each once.
async fn insert_votes<'a>(
    conn: &mut Connection,
    votes: &'a [RedeemedVote],
) -> sqlx::Result<Vec<&'a RedeemedVote>> {
    let mut seen = BTreeSet::new();
    let mut distinct: Vec<_> = votes.iter().filter(|vote| seen.insert(vote.id.0)).collect();
    let mut packed = Vec::with_capacity(48 * distinct.len());
    for vote in &distinct {
        packed.extend_from_slice(vote.key.as_bytes());
        packed.extend_from_slice(&vote.id.0);
    }
    let rows = sqlx::query(INSERT_VOTES)
        .bind(packed)
        .bind(i64::try_from(distinct.len()).unwrap_or(i64::MAX))
        .fetch_all(conn)
        .await?;
    let new: BTreeSet<&[u8]> = rows.iter().map(|row| row.get(0)).collect();
    distinct.retain(|vote| new.contains(&vote.id.0[..]));
    Ok(distinct)
}

/// Counts tokens of new votes, and keeps the highest total.
async fn count(
    conn: &mut Connection,
    key: KeyId,
    tokens: u64,
    redeemed_total: u64,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO key_count (key_id, tokens_counted, redeemed_total) VALUES ($1, $2, $3)
         ON CONFLICT (key_id) DO UPDATE SET
             tokens_counted = key_count.tokens_counted + $2,
             redeemed_total = CASE WHEN key_count.redeemed_total < $3 THEN $3
                                   ELSE key_count.redeemed_total END",
    )
    .bind(&key.as_bytes()[..])
    .bind(stored(tokens))
    .bind(stored(redeemed_total))
    .execute(conn)
    .await?;
    Ok(())
}

/// Both engines' integers are signed; counts stay far below the bound.
fn stored(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl fmt::Debug for TableVotes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableVotes")
            .field("db", &self.db)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
