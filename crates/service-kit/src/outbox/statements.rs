//! The statements of the outbox, for both engines.

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::Row as _;
use uuid::Uuid;

use super::{Connection, Database, Transaction, leases, text};
use crate::{
    db::packed::Packed,
    event_log::NewRecord,
    lease::{Claim, Lease, LeaseLost},
    outbox::{Outbox, OutboxError, OutboxState, ROW_ID_BYTES, Row, Shuffle, Stamp},
};

/// The name of the relay's lease.
const LEASE: &str = "outbox";

/// Gives consecutive positions, from `$3` on, to the rows whose ids stand one after the other in `$1`.
const POSITION: &str = "
    WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2)
    UPDATE outbox SET position = $3 + n.i FROM n WHERE id = substr($1, 32 * n.i + 1, 32)";

/// Writes the rows of the topic `$2`, unless ones with their ids are there. Their ids stand one after the
/// other in `$1`, their keys and values in `$3`; `$4` has for each where its key begins, and how long key and value
/// are ([`Packed`]).
const INSERT_ALL: &str = concat!(
    "WITH RECURSIVE
        n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $5),
        cut (i, start, key_bytes, value_bytes) AS (
            SELECT i, CAST(",
    text!("substr($4, 48 * i + 1, 16)"),
    " AS INTEGER), CAST(",
    text!("substr($4, 48 * i + 17, 16)"),
    " AS INTEGER), CAST(",
    text!("substr($4, 48 * i + 33, 16)"),
    " AS INTEGER)
            FROM n)
    INSERT INTO outbox (id, topic, key, value)
    SELECT substr($1, 32 * i + 1, 32), $2, substr($3, start, key_bytes),
           substr($3, start + key_bytes, value_bytes)
    FROM cut WHERE TRUE
    ON CONFLICT (id) DO NOTHING"
);

/// Writes `rows`, all of them for `topic`, unless ones with their ids are there: in one statement.
pub async fn insert_all(conn: &mut Connection, topic: &str, rows: &[Row]) -> sqlx::Result<()> {
    let (mut ids, mut packed) = (Vec::new(), Packed::default());
    for row in rows {
        ids.extend_from_slice(&row.id);
        packed.row();
        packed.bytes(&row.key);
        packed.more_bytes(&row.value);
    }
    if packed.is_empty() {
        return Ok(());
    }
    let (bodies, cuts, count) = packed.into_parts();
    sqlx::query(INSERT_ALL)
        .bind(ids)
        .bind(topic)
        .bind(bodies)
        .bind(cuts)
        .bind(count)
        .execute(conn)
        .await?;
    Ok(())
}

/// Writes `row`, unless one with its id is there. Answers whether it was written.
pub async fn insert(conn: &mut Connection, row: &Row) -> sqlx::Result<bool> {
    let inserted = sqlx::query(
        "INSERT INTO outbox (id, topic, key, value) VALUES ($1, $2, $3, $4)
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(row.id.as_slice())
    .bind(&row.topic)
    .bind(&row.key)
    .bind(&row.value)
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// The outbox in the tables of its engine's `TABLES`.
#[derive(Clone)]
pub struct TableOutbox {
    db: Database,
    stamp: Stamp,
}

impl TableOutbox {
    /// The outbox in `db`, whose rows `stamp` makes records of.
    pub fn new(db: Database, stamp: Stamp) -> Self {
        Self { db, stamp }
    }

    /// Begins a transaction under `lease`: nothing is written once it is lost.
    async fn begin(&self, lease: &Lease) -> Result<Transaction, OutboxError> {
        let mut tx = self.db.begin().await?;
        if !leases::check(&mut tx, lease).await? {
            return Err(LeaseLost.into());
        }
        Ok(tx)
    }
}

#[async_trait]
impl Outbox for TableOutbox {
    async fn take_lease(&self, claim: Claim) -> Result<Option<Lease>, OutboxError> {
        let mut tx = self.db.begin().await?;
        let lease = leases::take(&mut tx, LEASE, claim).await?;
        tx.commit().await?;
        Ok(lease)
    }

    async fn release_lease(&self, lease: &Lease) -> Result<(), OutboxError> {
        let mut tx = self.db.begin().await?;
        leases::release(&mut tx, lease).await?;
        Ok(tx.commit().await?)
    }

    async fn state(&self) -> Result<OutboxState, OutboxError> {
        let row = sqlx::query(
            "SELECT generation, counter, (SELECT min(position) FROM outbox),
                    (SELECT count(*) FROM outbox WHERE position IS NULL), slot, due
             FROM outbox_state",
        )
        .fetch_one(self.db.readers())
        .await?;
        Ok(OutboxState {
            generation: Uuid::from_slice(row.get(0)).map_err(failed)?,
            counter: loaded(row.get(1)),
            lowest: row.get::<Option<i64>, _>(2).map(loaded),
            waiting: loaded(row.get(3)),
            slot: slot_of(row.get(4)),
            due: loaded(row.get(5)),
        })
    }

    async fn begin_slot(
        &self,
        lease: &Lease,
        slot: DateTime<Utc>,
        due: u64,
    ) -> Result<(), OutboxError> {
        let mut tx = self.begin(lease).await?;
        sqlx::query("UPDATE outbox_state SET slot = $1, due = $2")
            .bind(slot.timestamp())
            .bind(stored(due))
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    async fn position_waiting(
        &self,
        lease: &Lease,
        limit: u32,
        shuffle: Shuffle,
    ) -> Result<u32, OutboxError> {
        let mut tx = self.begin(lease).await?;
        let mut ids: Vec<Vec<u8>> =
            sqlx::query("SELECT id FROM outbox WHERE position IS NULL ORDER BY id LIMIT $1")
                .bind(i64::from(limit))
                .fetch_all(&mut *tx)
                .await?
                .iter()
                .map(|row| row.get(0))
                .collect();
        shuffle.apply(&mut ids);
        let count = i64::try_from(ids.len()).unwrap_or(i64::MAX);
        if count > 0 {
            let counter: i64 = sqlx::query(
                "UPDATE outbox_state SET counter = counter + $1,
                        due = CASE WHEN due > $1 THEN due - $1 ELSE 0 END
                 RETURNING counter - $1",
            )
            .bind(count)
            .fetch_one(&mut *tx)
            .await?
            .get(0);
            sqlx::query(POSITION)
                .bind(ids.concat())
                .bind(count)
                .bind(counter)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(u32::try_from(count).unwrap_or(limit))
    }

    async fn positioned(
        &self,
        from: u64,
        limit: u32,
        today: NaiveDate,
    ) -> Result<Vec<NewRecord>, OutboxError> {
        let rows = sqlx::query(
            "SELECT position, id, topic, key, value FROM outbox WHERE position >= $1
             ORDER BY position LIMIT $2",
        )
        .bind(stored(from))
        .bind(i64::from(limit))
        .fetch_all(self.db.readers())
        .await?;
        let records = rows.iter().zip(from..).map(|(row, position)| {
            let found = loaded(row.get(0));
            anyhow::ensure!(
                found == position,
                "the row of position {position} is missing"
            );
            (self.stamp)(read(row)?, today)
        });
        records
            .collect::<anyhow::Result<_>>()
            .map_err(OutboxError::Failed)
    }

    async fn delete_published(&self, lease: &Lease, watermark: u64) -> Result<(), OutboxError> {
        let mut tx = self.begin(lease).await?;
        let deleted = sqlx::query("DELETE FROM outbox WHERE position < $1")
            .bind(stored(watermark))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        if deleted.rows_affected() == 0 {
            return Ok(());
        }
        if let Err(error) = self.db.forget_deleted().await {
            // The rows are gone from the table. To fail would publish again outside the slot, where
            // few votes are together; the next deletion makes up for it.
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "what was published is still in the write-ahead log"
            );
        }
        Ok(())
    }

    async fn renew_generation(&self, lease: &Lease, watermark: u64) -> Result<(), OutboxError> {
        let mut tx = self.begin(lease).await?;
        sqlx::query("DELETE FROM outbox WHERE position < $1")
            .bind(stored(watermark))
            .execute(&mut *tx)
            .await?;
        sqlx::query("UPDATE outbox SET position = NULL")
            .execute(&mut *tx)
            .await?;
        sqlx::query("UPDATE outbox_state SET generation = $1, counter = 0, due = 0")
            .bind(Uuid::new_v4().as_bytes().to_vec())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        self.db.forget_deleted().await?;
        Ok(())
    }
}

fn read(row: &super::EngineRow) -> anyhow::Result<Row> {
    let id: Vec<u8> = row.get(1);
    let id = <[u8; ROW_ID_BYTES]>::try_from(id)
        .map_err(|_| anyhow::anyhow!("a row's id has not {ROW_ID_BYTES} bytes"))?;
    Ok(Row {
        id,
        topic: row.get(2),
        key: row.get(3),
        value: row.get(4),
    })
}

/// Zero: the relay never came to a slot.
fn slot_of(seconds: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(seconds, 0).filter(|_| seconds > 0)
}

fn failed(error: uuid::Error) -> OutboxError {
    OutboxError::Failed(error.into())
}

/// Both engines' integers are signed; positions are counted up from zero.
fn stored(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn loaded(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

impl fmt::Debug for TableOutbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableOutbox")
            .field("db", &self.db)
            .finish_non_exhaustive()
    }
}
