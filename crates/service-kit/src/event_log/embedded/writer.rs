//! Writing: the fenced publisher, and the appender.

use async_trait::async_trait;
use sqlx::{Row as _, SqliteConnection};

use super::{insert::Inserter, loaded, stored};
use crate::{
    db::Sqlite,
    event_log::{Appender, Error, NewRecord, Publisher, Result},
};

/// A publisher; the row's epoch tells whether it is still the last one opened.
#[derive(Debug)]
pub(super) struct EmbeddedPublisher {
    db: Sqlite,
    name: String,
    epoch: i64,
    inserter: Inserter,
}

impl EmbeddedPublisher {
    pub(super) async fn open(db: Sqlite, name: String) -> Result<Self> {
        let mut tx = db.begin().await?;
        let row = sqlx::query(
            "INSERT INTO publisher (name, epoch) VALUES (?1, 1)
             ON CONFLICT (name) DO UPDATE SET epoch = epoch + 1 RETURNING epoch",
        )
        .bind(&name)
        .fetch_one(&mut *tx)
        .await?;
        let epoch = row.get(0);
        tx.commit().await?;
        let inserter = Inserter::default();
        Ok(Self {
            db,
            name,
            epoch,
            inserter,
        })
    }

    async fn position_in(&self, conn: &mut SqliteConnection) -> Result<Option<u64>> {
        let row = sqlx::query("SELECT next_position FROM publisher WHERE name = ?1 AND epoch = ?2")
            .bind(&self.name)
            .bind(self.epoch)
            .fetch_optional(conn)
            .await?
            .ok_or(Error::Fenced)?;
        Ok(row.get::<Option<i64>, _>(0).map(loaded))
    }
}

#[async_trait]
impl Publisher for EmbeddedPublisher {
    async fn position(&mut self) -> Result<Option<u64>> {
        let mut tx = self.db.begin_read().await?;
        self.position_in(&mut tx).await
    }

    async fn publish(&mut self, first: u64, records: Vec<NewRecord>) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let expected = self.position_in(&mut tx).await?;
        let next = expected.unwrap_or(first);
        if first > next {
            return Err(Error::Gap {
                expected: next,
                found: first,
            });
        }
        // What is behind the position was published before.
        let known = usize::try_from(next - first).unwrap_or(usize::MAX);
        let new = records.get(known..).unwrap_or_default();
        self.inserter.insert_all(&mut tx, new).await?;
        sqlx::query("UPDATE publisher SET next_position = ?3 WHERE name = ?1 AND epoch = ?2")
            .bind(&self.name)
            .bind(self.epoch)
            .bind(stored(next + new.len() as u64))
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }
}

/// A writer without a position.
#[derive(Debug)]
pub(super) struct EmbeddedAppender {
    db: Sqlite,
    inserter: Inserter,
}

impl EmbeddedAppender {
    pub(super) fn new(db: Sqlite) -> Self {
        let inserter = Inserter::default();
        Self { db, inserter }
    }
}

#[async_trait]
impl Appender for EmbeddedAppender {
    async fn append(&mut self, records: &[NewRecord]) -> Result<()> {
        let mut tx = self.db.begin().await?;
        self.inserter.insert_all(&mut tx, records).await?;
        Ok(tx.commit().await?)
    }
}
