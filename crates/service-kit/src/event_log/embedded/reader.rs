//! Reading: batch by batch, the partitions in turn.

use std::collections::VecDeque;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::DateTime;
use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};

use super::{bounds, loaded, stored};
use crate::{
    db::Sqlite,
    event_log::{
        Batch, Consumer, Error, Header, Offset, Partition, Record, Result, check_position,
    },
};

/// The next records of a partition as one row, since every row costs a turn of the connection's thread and its reader's:
/// the numbers of each record, and all keys, values and headers one after the other. What is concatenated is bytes, which
/// SQLite does not look into.
const READ: &str = "
    SELECT group_concat(numbers, ''), CAST(group_concat(key, '') AS BLOB),
        CAST(group_concat(value, '') AS BLOB), CAST(group_concat(headers, '') AS BLOB)
    FROM (
        SELECT key, value, headers,
            record_offset || ' ' || timestamp_ms || ' ' || length(key) || ' ' || length(value)
                || ' ' || coalesce(length(headers), 0) || ';' AS numbers
        FROM record WHERE topic = ?1 AND partition = ?2 AND record_offset >= ?3
        ORDER BY record_offset LIMIT ?4)";

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
        let row = sqlx::query(READ)
            .bind(&self.topic)
            .bind(partition)
            .bind(stored(from))
            .bind(records_max)
            .fetch_one(&mut *tx)
            .await?;
        records(&row)
            .ok_or_else(|| Error::Engine("records do not read as they were written".into()))
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

/// Takes apart what [`READ`] has put together.
fn records(row: &SqliteRow) -> Option<Vec<Record>> {
    let numbers = row.get::<Option<&str>, _>(0).unwrap_or_default();
    let part =
        |column: usize| Bytes::from(row.get::<Option<Vec<u8>>, _>(column).unwrap_or_default());
    let (mut keys, mut values, mut all_headers) = (part(1), part(2), part(3));
    let mut records = Vec::new();
    for numbers in numbers.split_terminator(';') {
        let mut numbers = numbers.split(' ').map(|number| number.parse::<i64>().ok());
        let mut number = || numbers.next().flatten();
        let (offset, timestamp_ms) = (number()?, number()?);
        let key = cut(&mut keys, number()?)?;
        let value = cut(&mut values, number()?)?;
        let said = cut(&mut all_headers, number()?)?;
        records.push(Record {
            offset: loaded(offset),
            key,
            value,
            timestamp: DateTime::from_timestamp_millis(timestamp_ms).unwrap_or_default(),
            headers: if said.is_empty() {
                Vec::new()
            } else {
                headers(&said)
            },
        });
    }
    // They come in this order; nothing but the plan of the statement says so.
    records.sort_by_key(|record| record.offset);
    Some(records)
}

/// Takes the first bytes off.
fn cut(bytes: &mut Bytes, length: i64) -> Option<Bytes> {
    let length = usize::try_from(length).ok()?;
    (length <= bytes.len()).then(|| bytes.split_to(length))
}

/// Headers as `insert` wrote them.
fn headers(stored: &[u8]) -> Vec<Header> {
    let said: Vec<(String, Vec<u8>)> = serde_json::from_slice(stored).unwrap_or_default();
    let headers = said.into_iter().map(|(name, value)| Header { name, value });
    headers.collect()
}
