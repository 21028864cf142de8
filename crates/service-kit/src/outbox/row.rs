//! A row of an outbox, and how it becomes a record.

use std::{fmt, sync::Arc};

use chrono::{Datelike as _, NaiveDate, NaiveTime};

use crate::event_log::NewRecord;

/// How many bytes the id of a row has.
pub const ROW_ID_BYTES: usize = 32;

/// A row as it waits.
#[derive(Clone)]
pub struct Row {
    /// Makes the row unique: a hash or random, never a time or a counter. What says nothing of a person may have its day in front
    /// ([`id_of_day`]).
    pub id: [u8; ROW_ID_BYTES],
    /// The topic.
    pub topic: String,
    /// The record's key.
    pub key: Vec<u8>,
    /// What is to be published, in the form that the outbox's [`Stamp`] reads.
    pub value: Vec<u8>,
}

/// In front of a day in an id. Hardly any hash is above it: a row whose id is one, as all were once, leaves before those that came
/// after it.
const DAY_MARK: [u8; 4] = [0xFF; 4];

/// The id of a day's row that must leave after those of earlier days ([`Shuffle::Off`](super::Shuffle::Off)): the day's number, and
/// as much of `hash`, which tells it from others of its day, as there is room for.
pub fn id_of_day(day: NaiveDate, hash: [u8; ROW_ID_BYTES]) -> [u8; ROW_ID_BYTES] {
    let number = day.num_days_from_ce().to_be_bytes();
    let mut front = DAY_MARK.into_iter().chain(number).chain(hash);
    std::array::from_fn(|_| front.next().expect("a hash alone fills an id"))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn ids_are_in_the_order_of_their_days_and_behind_every_hash() {
        let (low, high) = ([0; ROW_ID_BYTES], [0xFE; ROW_ID_BYTES]);
        let days = ["2026-01-31", "2026-02-01", "2026-02-02", "2027-01-01"];
        let mut ids = vec![low, high];
        ids.extend(days.map(|text| id_of_day(day(text), high)));
        assert!(ids.is_sorted());

        let after = days.map(|text| id_of_day(day(text).succ_opt().unwrap(), low));
        let before = days.map(|text| id_of_day(day(text), high));
        assert!(before.iter().zip(&after).all(|(one, next)| one < next));
    }

    #[test]
    fn a_days_rows_have_ids_of_their_own_and_each_always_the_same() {
        let id = |hash| id_of_day(day("2026-01-31"), [hash; ROW_ID_BYTES]);

        assert_ne!(id(1), id(2));
        assert_eq!(id(1), id(1));
    }
}
