//! One batch: what its messages open, count and leave waiting.
//!
//! The layers are gone through one after the other, for all messages at once: groups that are open take their messages,
//! groups that have enough shares are opened (`opening.rs`), and what comes out of both goes on to the next layer.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use service_kit::event_log::Record;

use super::{
    known::{Group, Known, State},
    reports::report,
    store::{Changes, Counts, DeadLetter, Rejection, Result, Slot, Store, StoreError},
};
use crate::domain::{
    body::Body,
    channel::Channel,
    group::{GroupId, LabelId},
    secret::LayerOpener,
    wire::Malformed,
};

/// How many bytes of a dead letter are kept.
const DEAD_LETTER_BYTES: usize = 256;

/// The header that says a record's threshold, as a `u32` in little-endian.
pub const THRESHOLD_HEADER: &str = "threshold";

/// How many messages went which way.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// Messages that were read.
    pub consumed: u64,
    /// Messages whose outer layer was opened.
    pub opened: u64,
    /// Messages whose last layer was opened.
    pub complete: u64,
    /// Messages that were reported.
    pub reported: u64,
    /// What was not counted, by reason.
    pub rejected: BTreeMap<Rejection, u64>,
}

impl Tally {
    pub(super) fn reject(&mut self, reason: Rejection, count: u64) {
        if count > 0 {
            *self.rejected.entry(reason).or_default() += count;
        }
    }

    /// Adds it to the metrics of a channel.
    pub(super) fn publish(&self, channel: &str) {
        let counts = [
            ("consumed", self.consumed),
            ("opened", self.opened),
            ("complete", self.complete),
            ("reported", self.reported),
        ];
        let rejected = self
            .rejected
            .iter()
            .map(|(reason, count)| (reason.name(), *count));
        for (what, count) in counts.into_iter().chain(rejected) {
            metrics::counter!("blindtally_star_messages_total", "channel" => channel.to_owned(), "what" => what)
                .increment(count);
        }
    }

    /// Adds another one.
    pub fn add(&mut self, other: &Self) {
        self.consumed += other.consumed;
        self.opened += other.opened;
        self.complete += other.complete;
        self.reported += other.reported;
        for (reason, count) in &other.rejected {
            *self.rejected.entry(*reason).or_default() += count;
        }
    }
}

/// Messages on their way to a layer, by group.
pub(super) type Arrivals = BTreeMap<GroupId, Vec<Body>>;

/// The work on one batch.
pub(super) struct Round<'a> {
    pub(super) channel: &'a Channel,
    pub(super) store: &'a dyn Store,
    pub(super) known: &'a mut Known,
    /// Whose batch it is.
    pub(super) slot: Slot,
    /// How many bytes may wait for one group.
    pub(super) waiting_bytes_max: u64,
    pub(super) layer_opener: LayerOpener,
    pub(super) changes: Changes,
    pub(super) tally: Tally,
    /// Labels that the batch adds to.
    pub(super) touched: BTreeSet<LabelId>,
}

impl<'a> Round<'a> {
    pub(super) fn new(
        channel: &'a Channel,
        store: &'a dyn Store,
        known: &'a mut Known,
        slot: Slot,
        waiting_bytes_max: u64,
    ) -> Self {
        Self {
            channel,
            store,
            known,
            slot,
            waiting_bytes_max,
            layer_opener: LayerOpener::new(),
            changes: Changes::default(),
            tally: Tally::default(),
            touched: BTreeSet::new(),
        }
    }

    /// Goes through the layers. What is to be stored is in the changes; nothing is stored yet.
    pub(super) async fn run(mut self, records: Vec<Record>) -> Result<(Changes, Tally)> {
        let mut arrivals = self.admit(records);
        for layer in 0..self.channel.layers {
            self.load(&arrivals).await?;
            self.recover(&mut arrivals).await?;
            self.sort_out(&mut arrivals);
            if layer == 0 {
                self.drop_replays(&mut arrivals).await?;
            }
            arrivals = self.open(arrivals);
        }
        self.count().await?;
        Ok((self.changes, self.tally))
    }

    /// Reads the records, and refuses those that are no message of this channel.
    fn admit(&mut self, records: Vec<Record>) -> Arrivals {
        let mut arrivals = Arrivals::new();
        for record in records {
            self.tally.consumed += 1;
            let offset = record.offset;
            let threshold = threshold_header(&record);
            let value = Bytes::from(record.value);
            let admitted =
                threshold.and_then(|header| self.admit_one(header, record.timestamp, &value));
            match admitted {
                Ok((group, body)) => arrivals.entry(group).or_default().push(body),
                Err(reason) => {
                    self.tally.reject(reason, 1);
                    self.changes.dead_letters.push(DeadLetter {
                        offset,
                        reason,
                        start: value.slice(..value.len().min(DEAD_LETTER_BYTES)),
                    });
                }
            }
        }
        arrivals
    }

    fn admit_one(
        &mut self,
        header: Option<u32>,
        came_at: DateTime<Utc>,
        value: &Bytes,
    ) -> std::result::Result<(GroupId, Body), Rejection> {
        if value.len() > self.channel.message_bytes_max {
            return Err(Rejection::Malformed);
        }
        let malformed = |_: Malformed| Rejection::Malformed;
        let (body, number) = Body::read(value, self.channel.layers).map_err(malformed)?;
        let epochs = &self.channel.epochs;
        let epoch = epochs.of(number, came_at).ok_or(Rejection::Late)?;
        let layer = body.layer().map_err(malformed)?;
        let threshold = self.channel.threshold(header).ok_or(Rejection::Threshold)?;
        if layer.share.sealed.threshold != threshold {
            return Err(Rejection::Threshold);
        }
        let id = GroupId::outer(&self.channel.name, epoch, &layer);
        self.meet(id, epoch, threshold, None);
        Ok((id, body))
    }

    /// Remembers a group that a message is of. Whether it is open is looked up with the others of its layer.
    pub(super) fn meet(
        &mut self,
        id: GroupId,
        epoch: u64,
        threshold: u32,
        parent: Option<LabelId>,
    ) {
        self.known.groups.entry(id).or_insert(Group {
            epoch,
            threshold,
            parent,
            state: State::Unknown,
        });
    }

    /// Looks up the groups that nothing is known of yet.
    async fn load(&mut self, arrivals: &Arrivals) -> Result<()> {
        let groups = &mut self.known.groups;
        let is_unknown = |id: &&GroupId| {
            groups
                .get(*id)
                .is_some_and(|group| matches!(group.state, State::Unknown))
        };
        let unknown: Vec<GroupId> = arrivals.keys().filter(is_unknown).copied().collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let kept = self.store.groups(&unknown).await?;
        for id in &unknown {
            if let Some(group) = groups.get_mut(id) {
                group.state =
                    State::of(kept.get(id), group.epoch).ok_or(StoreError::Corrupt("a secret"))?;
            }
        }
        Ok(())
    }

    /// Leaves what the batch adds to labels in the changes, and reports those that have enough for it.
    async fn count(&mut self) -> Result<()> {
        let touched = std::mem::take(&mut self.touched);
        let full = self.channel.layers;
        let unknown = touched.iter().copied().filter(|id| {
            let label = self.known.labels.get(id);
            label.is_some_and(|label| label.texts.len() == full && label.stored.is_none())
        });
        let unknown: Vec<LabelId> = unknown.collect();
        let stored = self.store.labels(&unknown).await?;
        for id in touched {
            let Some(label) = self.known.labels.get_mut(&id) else {
                continue;
            };
            if label.texts.len() == full {
                let stored = label
                    .stored
                    .get_or_insert_with(|| stored.get(&id).copied().unwrap_or_default());
                if let Some(total) = due(*stored, label.added, label.threshold, self.channel.k) {
                    let before = stored.reported + label.added.reported;
                    label.added.reported += total;
                    self.tally.reported += total;
                    let row = report(
                        self.channel,
                        &id,
                        &label.texts,
                        label.epoch,
                        (before, total),
                    );
                    self.changes.reports.push(row);
                }
            }
            self.changes.labels.push(label.change(id));
        }
        Ok(())
    }
}

/// How many messages of a full measurement are reported now, if any are: at least k, so that no report says when one
/// client sent.
fn due(stored: Counts, added: Counts, threshold: u32, k: u32) -> Option<u64> {
    let opened = stored.opened + added.opened;
    let unreported = opened - stored.reported - added.reported;
    (opened >= threshold.into() && unreported >= k.into()).then_some(unreported)
}

/// The threshold that the record's header says, if it has one.
fn threshold_header(record: &Record) -> std::result::Result<Option<u32>, Rejection> {
    let header = record
        .headers
        .iter()
        .find(|header| header.name == THRESHOLD_HEADER);
    let Some(header) = header else {
        return Ok(None);
    };
    let bytes = header.value.as_slice().try_into();
    let bytes = bytes.map_err(|_| Rejection::Threshold)?;
    Ok(Some(u32::from_le_bytes(bytes)))
}
