//! The outbox of a service whose database is SQLite.
//!
//! Its tables stand in the service's own migrations, word for word as in [`TABLES`], together with
//! [`crate::lease::sqlite::TABLE`]. The service writes rows with [`insert`], in the transaction of the
//! change that they tell of.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use chrono::{NaiveDate, NaiveTime};
use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};
use uuid::Uuid;

use super::{Outbox, OutboxError, OutboxState, Shuffle};
use crate::{
    db::{Sqlite, SqliteTransaction},
    event_log::NewRecord,
    lease::{self, Claim, Lease, LeaseLost},
};

/// The tables that a migration has to make.
pub const TABLES: &str = "\
CREATE TABLE outbox (
    id        BLOB NOT NULL PRIMARY KEY,  -- a hash or random: its order says nothing about time
    position  INTEGER UNIQUE,             -- NULL until the relay has shuffled the row in
    topic     TEXT NOT NULL,
    key       BLOB NOT NULL,
    value     BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE outbox_state (
    one         INTEGER NOT NULL PRIMARY KEY CHECK (one = 0),
    generation  BLOB NOT NULL,    -- random; a restored outbox needs a new one
    counter     INTEGER NOT NULL  -- the next position to give
) WITHOUT ROWID;

INSERT INTO outbox_state (one, generation, counter) VALUES (0, randomblob(16), 0);";

/// The name of the relay's lease.
const LEASE: &str = "outbox";

/// A row as it waits.
#[derive(Clone)]
pub struct Row {
    /// Makes the row unique: a hash or random, never a time or a counter.
    pub id: Vec<u8>,
    /// The topic.
    pub topic: String,
    /// The record's key.
    pub key: Vec<u8>,
    /// What is to be published, in the form that the outbox's [`Stamp`] reads.
    pub value: Vec<u8>,
}

/// Makes the record that is published on a day. For what holds its day of publication.
pub type Stamp = Arc<dyn Fn(Row, NaiveDate) -> anyhow::Result<NewRecord> + Send + Sync>;

/// Writes `row`, unless one with its id is there. Answers whether it was written.
pub async fn insert(conn: &mut SqliteConnection, row: &Row) -> sqlx::Result<bool> {
    let inserted = sqlx::query(
        "INSERT INTO outbox (id, topic, key, value) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(&row.id)
    .bind(&row.topic)
    .bind(&row.key)
    .bind(&row.value)
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// The stamp of what is published as it stands: only the record's timestamp is the day.
pub fn as_it_stands() -> Stamp {
    Arc::new(|row, today| {
        Ok(NewRecord {
            topic: row.topic,
            key: row.key,
            value: row.value,
            timestamp: today.and_time(NaiveTime::MIN).and_utc(),
        })
    })
}

/// The outbox in the tables of [`TABLES`].
#[derive(Clone)]
pub struct SqliteOutbox {
    db: Sqlite,
    stamp: Stamp,
}

impl SqliteOutbox {
    /// The outbox in `db`, whose rows `stamp` makes records of.
    pub fn new(db: Sqlite, stamp: Stamp) -> Self {
        Self { db, stamp }
    }

    /// Begins a transaction under `lease`: nothing is written once it is lost.
    async fn begin(&self, lease: &Lease) -> Result<SqliteTransaction, OutboxError> {
        let mut tx = self.db.begin().await?;
        if !lease::sqlite::check(&mut tx, lease).await? {
            return Err(LeaseLost.into());
        }
        Ok(tx)
    }
}

#[async_trait]
impl Outbox for SqliteOutbox {
    async fn take_lease(&self, claim: Claim) -> Result<Option<Lease>, OutboxError> {
        let mut tx = self.db.begin().await?;
        let lease = lease::sqlite::take(&mut tx, LEASE, claim).await?;
        tx.commit().await?;
        Ok(lease)
    }

    async fn release_lease(&self, lease: &Lease) -> Result<(), OutboxError> {
        let mut tx = self.db.begin().await?;
        lease::sqlite::release(&mut tx, lease).await?;
        Ok(tx.commit().await?)
    }

    async fn state(&self) -> Result<OutboxState, OutboxError> {
        let row = sqlx::query(
            "SELECT generation, counter, (SELECT min(position) FROM outbox),
                    (SELECT count(*) FROM outbox WHERE position IS NULL)
             FROM outbox_state",
        )
        .fetch_one(self.db.readers())
        .await?;
        Ok(OutboxState {
            generation: Uuid::from_slice(row.get(0)).map_err(failed)?,
            counter: loaded(row.get(1)),
            lowest: row.get::<Option<i64>, _>(2).map(loaded),
            waiting: loaded(row.get(3)),
        })
    }

    async fn position_waiting(
        &self,
        lease: &Lease,
        limit: u32,
        shuffle: Shuffle,
    ) -> Result<u32, OutboxError> {
        let mut tx = self.begin(lease).await?;
        let mut ids: Vec<Vec<u8>> =
            sqlx::query("SELECT id FROM outbox WHERE position IS NULL ORDER BY id LIMIT ?1")
                .bind(limit)
                .fetch_all(&mut *tx)
                .await?
                .iter()
                .map(|row| row.get(0))
                .collect();
        shuffle.apply(&mut ids);
        for id in &ids {
            sqlx::query(
                "UPDATE outbox SET position = (SELECT counter FROM outbox_state) WHERE id = ?1",
            )
            .bind(id)
            .execute(&mut *tx)
            .await?;
            sqlx::query("UPDATE outbox_state SET counter = counter + 1")
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(u32::try_from(ids.len()).unwrap_or(limit))
    }

    async fn positioned(
        &self,
        from: u64,
        limit: u32,
        today: NaiveDate,
    ) -> Result<Vec<NewRecord>, OutboxError> {
        let rows = sqlx::query(
            "SELECT position, id, topic, key, value FROM outbox WHERE position >= ?1
             ORDER BY position LIMIT ?2",
        )
        .bind(stored(from))
        .bind(limit)
        .fetch_all(self.db.readers())
        .await?;
        let records = rows.iter().zip(from..).map(|(row, position)| {
            let found = loaded(row.get(0));
            anyhow::ensure!(
                found == position,
                "the row of position {position} is missing"
            );
            (self.stamp)(read(row), today)
        });
        records
            .collect::<anyhow::Result<_>>()
            .map_err(OutboxError::Failed)
    }

    async fn delete_published(&self, lease: &Lease, watermark: u64) -> Result<(), OutboxError> {
        let mut tx = self.begin(lease).await?;
        let deleted = sqlx::query("DELETE FROM outbox WHERE position < ?1")
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
        sqlx::query("DELETE FROM outbox WHERE position < ?1")
            .bind(stored(watermark))
            .execute(&mut *tx)
            .await?;
        sqlx::query("UPDATE outbox SET position = NULL")
            .execute(&mut *tx)
            .await?;
        sqlx::query("UPDATE outbox_state SET generation = ?1, counter = 0")
            .bind(Uuid::new_v4().as_bytes().to_vec())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        self.db.forget_deleted().await?;
        Ok(())
    }
}

fn read(row: &SqliteRow) -> Row {
    Row {
        id: row.get(1),
        topic: row.get(2),
        key: row.get(3),
        value: row.get(4),
    }
}

fn failed(error: uuid::Error) -> OutboxError {
    OutboxError::Failed(error.into())
}

/// SQLite's integers are signed; positions are counted up from zero.
fn stored(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn loaded(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// Shows the topic only: a row is somebody's vote until it has been mixed with others.
impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SqliteOutbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteOutbox")
            .field("db", &self.db)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
