//! Reading: batch by batch, the partitions in turn.

use std::collections::VecDeque;

use async_trait::async_trait;
use chrono::DateTime;
use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};

use super::{bounds, loaded, stored};
use crate::{
    db::Sqlite,
    event_log::{Batch, Consumer, Header, Offset, Partition, Record, Result, check_position},
};

/// A reader. The partition that was read last is asked last.
#[derive(Debug)]
pub(super) struct EmbeddedConsumer {
    db: Sqlite,
    topic: String,
    positions: VecDeque<(Partition, Offset)>,
}

impl EmbeddedConsumer {
    pub(super) async fn open(
        db: Sqlite,
        topic: &str,
        from: Vec<(Partition, Offset)>,
    ) -> Result<Self> {
        let mut tx = db.begin_read().await?;
        for (partition, position) in &from {
            check(&mut tx, topic, *partition, *position).await?;
        }
        drop(tx);
        Ok(Self {
            db,
            topic: topic.to_owned(),
            positions: from.into(),
        })
    }

    async fn read(
        &self,
        partition: Partition,
        from: Offset,
        records_max: u32,
    ) -> Result<Vec<Record>> {
        let mut tx = self.db.begin_read().await?;
        check(&mut tx, &self.topic, partition, from).await?;
        let rows = sqlx::query(
            "SELECT record_offset, key, value, timestamp_ms, headers FROM record
             WHERE topic = ?1 AND partition = ?2 AND record_offset >= ?3
             ORDER BY record_offset LIMIT ?4",
        )
        .bind(&self.topic)
        .bind(partition)
        .bind(stored(from))
        .bind(records_max)
        .fetch_all(&mut *tx)
        .await?;
        Ok(rows.iter().map(record).collect())
    }
}

#[async_trait]
impl Consumer for EmbeddedConsumer {
    async fn next_up_to(&mut self, records_max: u32) -> Result<Option<Batch>> {
        for _ in 0..self.positions.len() {
            let Some((partition, from)) = self.positions.pop_front() else {
                break;
            };
            // Back in the queue before anything can fail: an error must not lose a partition.
            self.positions.push_back((partition, from));
            let records = self.read(partition, from, records_max).await?;
            let Some(last) = records.last() else {
                continue;
            };
            let to = last.offset + 1;
            self.positions.pop_back();
            self.positions.push_back((partition, to));
            return Ok(Some(Batch {
                partition,
                from,
                to,
                records,
            }));
        }
        Ok(None)
    }
}

async fn check(
    conn: &mut SqliteConnection,
    topic: &str,
    partition: Partition,
    position: Offset,
) -> Result<()> {
    let bounds = bounds(conn, topic, partition).await?;
    check_position(&bounds, topic, partition, position)
}

fn record(row: &SqliteRow) -> Record {
    Record {
        offset: loaded(row.get(0)),
        key: row.get(1),
        value: row.get(2),
        timestamp: DateTime::from_timestamp_millis(row.get(3)).unwrap_or_default(),
        headers: row
            .get::<Option<&[u8]>, _>(4)
            .map_or_else(Vec::new, headers),
    }
}

/// Headers as `insert` wrote them.
fn headers(stored: &[u8]) -> Vec<Header> {
    let said: Vec<(String, Vec<u8>)> = serde_json::from_slice(stored).unwrap_or_default();
    let headers = said.into_iter().map(|(name, value)| Header { name, value });
    headers.collect()
}
