//! Writing records at the ends of their partitions: two statements for many.

use std::collections::BTreeMap;

use sqlx::{Row as _, SqliteConnection};

use super::{loaded, partitions};
use crate::{
    db::packed::Packed,
    event_log::{Error, NewRecord, Offset, Partition, Result, partition_of},
};

/// The most records of one statement: even if each is as large as a record may be, SQLite's bound of a gigabyte is far.
const RECORDS_MAX: usize = 256;

/// Makes room in partitions of the topic `$1`: `$2` has for each of `$3` its number, and how many records come.
const EXTEND: &str = "
    WITH RECURSIVE
        n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $3),
        more (place, records) AS (
            SELECT CAST(substr($2, 32 * i + 1, 16) AS INTEGER), CAST(substr($2, 32 * i + 17, 16) AS INTEGER) FROM n)
    UPDATE topic_partition SET end_offset = end_offset + more.records FROM more
    WHERE topic = $1 AND partition = more.place RETURNING partition, end_offset";

/// Writes `$4` records of the topic `$1`: their bytes are in `$2`, their numbers in `$3`.
const INSERT: &str = "
    WITH RECURSIVE
        n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $4),
        cut (place, at, milliseconds, start, key_bytes, value_bytes, header_bytes) AS (
            SELECT CAST(substr($3, 112 * i + 1, 16) AS INTEGER), CAST(substr($3, 112 * i + 17, 16) AS INTEGER),
                CAST(substr($3, 112 * i + 33, 16) AS INTEGER), CAST(substr($3, 112 * i + 49, 16) AS INTEGER),
                CAST(substr($3, 112 * i + 65, 16) AS INTEGER), CAST(substr($3, 112 * i + 81, 16) AS INTEGER),
                CAST(substr($3, 112 * i + 97, 16) AS INTEGER)
            FROM n)
    INSERT INTO record (topic, partition, record_offset, timestamp_ms, key, value, headers)
    SELECT $1, place, at, milliseconds, substr($2, start, key_bytes), substr($2, start + key_bytes, value_bytes),
        CASE WHEN header_bytes > 0 THEN substr($2, start + key_bytes + value_bytes, header_bytes) END
    FROM cut";

/// Writes records. It asks each topic once how many partitions it has, for that never changes.
#[derive(Debug, Default)]
pub(super) struct Inserter {
    partitions: BTreeMap<String, u32>,
}

impl Inserter {
    /// Writes `records` at the ends of their partitions, in their order.
    pub(super) async fn insert_all(
        &mut self,
        conn: &mut SqliteConnection,
        records: &[NewRecord],
    ) -> Result<()> {
        for of_topic in records.chunk_by(|a, b| a.topic == b.topic) {
            for part in of_topic.chunks(RECORDS_MAX) {
                let Some(NewRecord { topic, .. }) = part.first() else {
                    continue;
                };
                let count = self.partitions_of(conn, topic).await?;
                insert(conn, topic, count, part).await?;
            }
        }
        Ok(())
    }

    async fn partitions_of(&mut self, conn: &mut SqliteConnection, topic: &str) -> Result<u32> {
        if let Some(count) = self.partitions.get(topic) {
            return Ok(*count);
        }
        let count = partitions(conn, topic).await?;
        self.partitions.insert(topic.to_owned(), count);
        Ok(count)
    }
}

/// Writes records of one topic, which has `count` partitions.
async fn insert(
    conn: &mut SqliteConnection,
    topic: &str,
    count: u32,
    records: &[NewRecord],
) -> Result<()> {
    let places: Vec<_> = records
        .iter()
        .map(|record| partition_of(&record.key, count))
        .collect();
    let mut next = extend(conn, topic, &places).await?;
    let headers: Vec<_> = records.iter().map(headers).collect();
    let bytes = records
        .iter()
        .zip(&headers)
        .map(|(record, headers)| record.key.len() + record.value.len() + headers.len());
    let mut packed = Packed::with_room(bytes.sum());
    for ((record, headers), place) in records.iter().zip(&headers).zip(places) {
        let offset = next.get_mut(&place);
        let offset = offset.ok_or_else(|| Error::UnknownTopic(format!("{topic}/{place}")))?;
        packed.row();
        packed.number(place);
        packed.number(*offset);
        packed.number(loaded(record.timestamp.timestamp_millis()));
        packed.bytes(&record.key);
        packed.more_bytes(&record.value);
        packed.more_bytes(headers);
        *offset += 1;
    }
    let (bytes, numbers, rows) = packed.into_parts();
    sqlx::query(INSERT)
        .bind(topic)
        .bind(bytes)
        .bind(numbers)
        .bind(rows)
        .execute(conn)
        .await?;
    Ok(())
}

/// Moves the ends of partitions, one record for each time that `places` names one, and says where they were.
async fn extend(
    conn: &mut SqliteConnection,
    topic: &str,
    places: &[Partition],
) -> Result<BTreeMap<Partition, Offset>> {
    let mut more = BTreeMap::<Partition, Offset>::new();
    for place in places {
        *more.entry(*place).or_default() += 1;
    }
    let mut packed = Packed::default();
    for (place, records) in &more {
        packed.row();
        packed.number(*place);
        packed.number(*records);
    }
    let (_, numbers, rows) = packed.into_parts();
    let ends = sqlx::query(EXTEND)
        .bind(topic)
        .bind(numbers)
        .bind(rows)
        .fetch_all(conn)
        .await?;
    let starts = ends.iter().map(|row| {
        let (place, end) = (row.get(0), loaded(row.get(1)));
        (place, end - more.get(&place).copied().unwrap_or_default())
    });
    Ok(starts.collect())
}

/// The record's headers as they are stored: nothing, if there are none.
fn headers(record: &NewRecord) -> Vec<u8> {
    let said = record
        .headers
        .iter()
        .map(|header| (&header.name, &header.value));
    let said: Vec<_> = said.collect();
    if said.is_empty() {
        return Vec::new();
    }
    serde_json::to_vec(&said).expect("names and bytes are plain data")
}
