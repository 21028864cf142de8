//! The statements of what is published, for both engines.

use async_trait::async_trait;
use messages::directory::{Directory, Entry, Head};
use serde::{Serialize, de::DeserializeOwned};
use service_kit::outbox::{Row, as_it_stands};
use sqlx::Row as _;

use super::{Connection, Database, EngineRow, TableOutbox, insert};
use crate::store::publications::Publications;

/// The published part of the orders' database.
#[derive(Clone, Debug)]
pub struct TablePublications {
    db: Database,
}

impl TablePublications {
    /// The part of `db`, whose schema is the one of the orders' database.
    pub fn new(db: Database) -> Self {
        Self { db }
    }

    /// The rows that wait to be published.
    pub fn outbox(&self) -> TableOutbox {
        TableOutbox::new(self.db.clone(), as_it_stands())
    }
}

#[async_trait]
impl Publications for TablePublications {
    async fn directory(&self) -> sqlx::Result<Directory> {
        let mut tx = self.db.begin_read().await?;
        let entries = sqlx::query("SELECT entry FROM directory_entry ORDER BY place")
            .fetch_all(&mut *tx)
            .await?;
        let heads = sqlx::query("SELECT head FROM directory_head ORDER BY day")
            .fetch_all(&mut *tx)
            .await?;
        Ok(Directory {
            entries: entries.iter().map(read).collect::<Result<_, _>>()?,
            heads: heads.iter().map(read).collect::<Result<_, _>>()?,
        })
    }

    async fn directory_size(&self) -> sqlx::Result<(u64, u64)> {
        let (entries, heads): (i64, i64) = sqlx::query_as(
            "SELECT (SELECT count(*) FROM directory_entry), (SELECT count(*) FROM directory_head)",
        )
        .fetch_one(self.db.readers())
        .await?;
        Ok((entries.unsigned_abs(), heads.unsigned_abs()))
    }

    async fn append_entries(&self, entries: &[Entry]) -> sqlx::Result<bool> {
        let mut tx = self.db.begin().await?;
        let stored = stored_entries(&mut tx).await?;
        if entries.first().is_some_and(|first| first.index() != stored) {
            return Ok(false);
        }
        for entry in entries {
            sqlx::query("INSERT INTO directory_entry (place, entry) VALUES ($1, $2)")
                .bind(
                    i64::try_from(entry.index())
                        .map_err(|error| sqlx::Error::Encode(error.into()))?,
                )
                .bind(written(entry)?)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn append_head(&self, head: &Head, row: &Row) -> sqlx::Result<bool> {
        let mut tx = self.db.begin().await?;
        if head.size != stored_entries(&mut tx).await? {
            return Ok(false);
        }
        if !insert_head(&mut tx, head).await? {
            return Ok(false);
        }
        insert(&mut tx, row).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn restore_heads(&self, heads: &[Head]) -> sqlx::Result<()> {
        let mut tx = self.db.begin().await?;
        for head in heads {
            insert_head(&mut tx, head).await?;
        }
        tx.commit().await
    }
}

/// Stores a head, unless its day has one.
async fn insert_head(conn: &mut Connection, head: &Head) -> sqlx::Result<bool> {
    let inserted = sqlx::query(
        "INSERT INTO directory_head (day, head) VALUES ($1, $2) ON CONFLICT (day) DO NOTHING",
    )
    .bind(head.day.to_string())
    .bind(written(head)?)
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected() > 0)
}

async fn stored_entries(conn: &mut Connection) -> sqlx::Result<u64> {
    let stored: i64 = sqlx::query_scalar("SELECT count(*) FROM directory_entry")
        .fetch_one(conn)
        .await?;
    Ok(stored.unsigned_abs())
}

fn written<T: Serialize>(value: &T) -> sqlx::Result<String> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()))
}

fn read<T: DeserializeOwned>(row: &EngineRow) -> sqlx::Result<T> {
    serde_json::from_str(row.get(0)).map_err(|error| sqlx::Error::Decode(error.into()))
}

#[cfg(test)]
mod tests;
