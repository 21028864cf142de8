//! The event log in one SQLite file.

use std::ops::Range;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::{Row as _, SqliteConnection};

use super::{
    Appender, Consumer, Error, EventLog, Offset, Partition, Publisher, PublisherId, Result,
    TopicSettings, TopicUse,
};
use crate::db::{Sqlite, migrator};

mod insert;
mod reader;
mod writer;

pub(crate) const SCRIPTS: &[&str] = &[
    include_str!("../../../../migrations/event-log/sqlite/0001_log.sql"),
    include_str!("../../../../migrations/event-log/sqlite/0002_headers.sql"),
    include_str!("../../../../migrations/event-log/sqlite/0003_records_as_they_come.sql"),
];

/// The embedded log. Several processes may have the same file open.
#[derive(Clone, Debug)]
pub struct EmbeddedLog {
    db: Sqlite,
}

impl EmbeddedLog {
    /// Opens the log in the file at `path`, and makes it if it is not there.
    pub async fn open(path: &str) -> Result<Self> {
        let url = format!("sqlite:{path}");
        let db = Sqlite::open(&url, &migrator(SCRIPTS)).await?;
        Ok(Self { db })
    }
}

#[async_trait]
impl EventLog for EmbeddedLog {
    async fn ensure_topic(&self, topic: &str, settings: TopicSettings) -> Result<()> {
        let mut tx = self.db.begin().await?;
        sqlx::query(
            "INSERT INTO topic (name, partitions, retention_seconds) VALUES (?1, ?2, ?3)
             ON CONFLICT (name) DO UPDATE SET retention_seconds = ?3",
        )
        .bind(topic)
        .bind(settings.partitions)
        .bind(settings.retention.num_seconds())
        .execute(&mut *tx)
        .await?;
        let found = partitions(&mut tx, topic).await?;
        if found != settings.partitions {
            return Err(Error::Partitions {
                topic: topic.to_owned(),
                found,
                wanted: settings.partitions,
            });
        }
        for partition in 0..found {
            sqlx::query(
                "INSERT INTO topic_partition (topic, partition, start_offset, end_offset)
                 VALUES (?1, ?2, 0, 0) ON CONFLICT DO NOTHING",
            )
            .bind(topic)
            .bind(partition)
            .execute(&mut *tx)
            .await?;
        }
        Ok(tx.commit().await?)
    }

    async fn publisher(&self, id: &PublisherId) -> Result<Box<dyn Publisher>> {
        let publisher = writer::EmbeddedPublisher::open(self.db.clone(), id.to_string()).await?;
        Ok(Box::new(publisher))
    }

    async fn appender(&self) -> Result<Box<dyn Appender>> {
        Ok(Box::new(writer::EmbeddedAppender::new(self.db.clone())))
    }

    async fn consumer(
        &self,
        topic: &str,
        from: Vec<(Partition, Offset)>,
    ) -> Result<Box<dyn Consumer>> {
        let consumer = reader::EmbeddedConsumer::open(self.db.clone(), topic, from).await?;
        Ok(Box::new(consumer))
    }

    async fn partitions(&self, topic: &str) -> Result<u32> {
        let mut tx = self.db.begin_read().await?;
        partitions(&mut tx, topic).await
    }

    async fn bounds(&self, topic: &str, partition: Partition) -> Result<Range<Offset>> {
        let mut tx = self.db.begin_read().await?;
        bounds(&mut tx, topic, partition).await
    }

    async fn identity(&self) -> Result<String> {
        let row = sqlx::query("SELECT identity FROM log")
            .fetch_one(self.db.readers())
            .await?;
        Ok(hex::encode(row.get::<Vec<u8>, _>(0)))
    }

    async fn check(&self, uses: &[TopicUse]) -> Result<()> {
        let mut tx = self.db.begin_read().await?;
        // What it only reads may be missing as long as its writer, who makes it, was never started.
        for one in uses.iter().filter(|one| one.writes) {
            let _count = partitions(&mut tx, &one.topic).await?;
        }
        Ok(())
    }

    async fn position(&self, id: &PublisherId) -> Result<Option<u64>> {
        let row = sqlx::query("SELECT next_position FROM publisher WHERE name = ?1")
            .bind(id.to_string())
            .fetch_optional(self.db.readers())
            .await?;
        Ok(row.and_then(|row| row.get::<Option<i64>, _>(0)).map(loaded))
    }

    async fn retire(&self, now: DateTime<Utc>) -> Result<u64> {
        let mut tx = self.db.begin().await?;
        // Only what stands in front of the first record that is kept: offsets stay one range.
        sqlx::query(
            "UPDATE topic_partition SET start_offset = coalesce(
                 (SELECT min(record_offset) FROM record JOIN topic ON topic.name = record.topic
                  WHERE record.topic = topic_partition.topic
                    AND record.partition = topic_partition.partition
                    AND timestamp_ms >= ?1 - 1000 * retention_seconds),
                 end_offset)",
        )
        .bind(now.timestamp_millis())
        .execute(&mut *tx)
        .await?;
        let dropped = sqlx::query(
            "DELETE FROM record WHERE record_offset < (SELECT start_offset FROM topic_partition
             WHERE topic_partition.topic = record.topic
               AND topic_partition.partition = record.partition)",
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        tx.commit().await?;
        // Also when nothing was dropped now: what was dropped before is still in the file if a reader was in the way.
        self.db.forget_deleted().await?;
        Ok(dropped)
    }

    async fn close(&self) {
        self.db.close().await;
    }
}

async fn partitions(conn: &mut SqliteConnection, topic: &str) -> Result<u32> {
    sqlx::query("SELECT partitions FROM topic WHERE name = ?1")
        .bind(topic)
        .fetch_optional(conn)
        .await?
        .map(|row| row.get(0))
        .ok_or_else(|| Error::UnknownTopic(topic.to_owned()))
}

async fn bounds(
    conn: &mut SqliteConnection,
    topic: &str,
    partition: Partition,
) -> Result<Range<Offset>> {
    let row = sqlx::query(
        "SELECT start_offset, end_offset FROM topic_partition WHERE topic = ?1 AND partition = ?2",
    )
    .bind(topic)
    .bind(partition)
    .fetch_optional(conn)
    .await?
    .ok_or_else(|| Error::UnknownTopic(format!("{topic}/{partition}")))?;
    Ok(loaded(row.get(0))..loaded(row.get(1)))
}

/// SQLite's integers are signed; offsets and positions are counted up from zero.
fn stored(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn loaded(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

#[cfg(test)]
mod tests;
