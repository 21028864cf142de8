//! A row of an outbox, and how it becomes a record.

use std::{fmt, sync::Arc};

use chrono::{NaiveDate, NaiveTime};

use crate::event_log::NewRecord;

/// How many bytes the id of a row has.
pub const ROW_ID_BYTES: usize = 32;

/// A row as it waits.
#[derive(Clone)]
pub struct Row {
    /// Makes the row unique: a hash or random, never a time or a counter.
    pub id: [u8; ROW_ID_BYTES],
    /// The topic.
    pub topic: String,
    /// The record's key.
    pub key: Vec<u8>,
    /// What is to be published, in the form that the outbox's [`Stamp`] reads.
    pub value: Vec<u8>,
}

/// Makes the record that is published on a day. For what holds its day of publication.
pub type Stamp = Arc<dyn Fn(Row, NaiveDate) -> anyhow::Result<NewRecord> + Send + Sync>;

/// The stamp of what is published as it stands: only the record's timestamp is the day.
pub fn as_it_stands() -> Stamp {
    Arc::new(|row, today| {
        Ok(NewRecord {
            headers: Vec::new(),
            topic: row.topic,
            key: row.key,
            value: row.value,
            timestamp: today.and_time(NaiveTime::MIN).and_utc(),
        })
    })
}

/// Shows the topic only: a row is somebody's vote until it has been mixed with others.
impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}
