//! The heads that were published, as the topic has them.
//!
//! A database from a backup lacks the last of them. Signed anew, one of them could cover other entries: two heads for
//! one day, of which the witness has the first, and clients would be right to believe neither. So what was published
//! is put back before anything is signed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::NaiveDate;
use messages::{
    avro::{DirectoryHead, Record as _},
    directory::{Directory, Head, KeySequence},
};
use service_kit::event_log::{self, EventLog, partition_of};

use crate::{
    domain::directory_keys::{DirectoryKeys, KeyTrouble},
    jobs::show_alarm,
};

/// The key of every head's record: all heads are in one partition, in order.
pub(super) const RECORD_KEY: &[u8] = b"head";

/// A head that was published does not fit what is here. Going on would sign a second history.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "the key directory's head of {day} on the topic does not fit what challenge-bypass and the orders' database have: \
     one of them was set back, or somebody else publishes heads. No head is signed. Put the latest state of \
     challenge-bypass's database back, and use one directory key for one environment only"
)]
pub struct Disagreement {
    /// The day of the head.
    pub day: NaiveDate,
}

/// What the service's readiness asks of the job. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct DirectoryHealth(Arc<Mutex<Found>>);

/// What keeps heads from being signed.
#[derive(Clone, Copy, Debug, Default)]
struct Found {
    heads: Option<Disagreement>,
    key: Option<KeyTrouble>,
}

impl DirectoryHealth {
    /// Fails, with the instruction, while the topic and the database disagree, or another key than ours is in force.
    pub fn check(&self) -> anyhow::Result<()> {
        let Found { heads, key } = *self.found();
        heads
            .map_or(Ok(()), |found| Err(found.into()))
            .and(key.map_or(Ok(()), |found| Err(found.into())))
    }

    /// Notes how the last comparison of heads ended.
    pub(super) fn note(&self, found: Option<Disagreement>) {
        let before = std::mem::replace(&mut self.found().heads, found);
        show_alarm("directory-heads", before.is_some(), found.is_some());
    }

    /// Notes whether a key of ours is in force or can be.
    pub(super) fn note_key(&self, found: Option<KeyTrouble>) {
        let before = std::mem::replace(&mut self.found().key, found);
        show_alarm("directory-key", before.is_some(), found.is_some());
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All heads on the topic that can be read.
pub(super) async fn published(log: &dyn EventLog, topic: &str) -> event_log::Result<Vec<Head>> {
    let partition = partition_of(RECORD_KEY, log.partitions(topic).await?);
    let start = log.bounds(topic, partition).await?.start;
    let mut consumer = log.consumer(topic, vec![(partition, start)]).await?;
    let mut heads = Vec::new();
    // One a day, for as long as the topic keeps them.
    while let Some(batch) = consumer.next().await? {
        let decoded = batch.records.iter().filter_map(|record| {
            let head = DirectoryHead::decode(&record.value).ok()?;
            Head::try_from(head).ok()
        });
        heads.extend(decoded);
    }
    Ok(heads)
}

/// The published heads that `known` lacks, if each is ours and over entries that `known` has.
///
/// Ours is what the key of `sequence` that is in force at its size signed, or one of `ours`: where entries are lost, so
/// is the change of the key. Anything else is passed over: anybody who may write to the topic could stop us with it.
pub(super) fn missing(
    published: Vec<Head>,
    known: &Directory,
    sequence: &KeySequence,
    ours: &DirectoryKeys,
) -> Result<Vec<Head>, Disagreement> {
    let mut missing = Vec::new();
    let is_ours = |head: &Head| sequence.signed(head) || ours.signed(head);
    for head in published.into_iter().filter(is_ours) {
        match known.heads.iter().find(|one| one.day == head.day) {
            Some(same) if *same == head => {}
            None if head.covers(&known.entries) && sequence.signed(&head) => missing.push(head),
            Some(_) | None => return Err(Disagreement { day: head.day }),
        }
    }
    Ok(missing)
}
