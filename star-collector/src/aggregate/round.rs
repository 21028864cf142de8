//! One batch: what its messages open, count and leave waiting.
//!
//! The layers are gone through one after the other, for all messages at once: groups that are open take their messages,
//! groups that have enough shares are opened (`recovery.rs`), and what comes out of both (`opening.rs`) goes on to the next layer.

use std::{
    collections::{BTreeMap, BTreeSet},
    slice,
};

use bytes::Bytes;
use service_kit::event_log::{Offset, Record};

use super::{
    gathering::{Arrivals, Gathering},
    known::{Group, Known, State},
    memory::MESSAGE_BYTES,
    pressure::Pressure,
    reports::report,
    rules::Rules,
    store::{Added, Changes, Counts, DeadLetter, Rejection, Result, Store, StoreError},
    tally::Tally,
    worker::Limits,
};
use crate::domain::{
    body::{Body, Layout},
    channel::{Channel, RECORD_THRESHOLD_HEADER},
    cipher::LayerOpener,
    group::{ChannelId, GroupId, LabelId},
    wire::Message,
};

/// How many bytes of a dead letter are kept.
const DEAD_LETTER_BYTES: usize = 256;

/// How many groups are looked up at once, each with its secret.
const PAGE_GROUPS: usize = 2_000;

/// Why a batch was given up before anything was stored.
#[derive(Debug)]
pub(super) enum GivenUp {
    /// With the messages that waited for its own, it has no room. Fewer records have. So much was spent on decoding.
    Crowded(u64),
    /// The database failed.
    Store(StoreError),
}

impl From<StoreError> for GivenUp {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The work on one batch.
pub(super) struct Round<'a> {
    pub(super) channel: &'a Channel,
    pub(super) store: &'a dyn Store,
    pub(super) known: &'a mut Known,
    /// How much waits, and in which partition.
    pub(super) pressure: &'a mut Pressure,
    pub(super) limits: Limits,
    pub(super) rules: Rules,
    /// What trying groups again may still cost.
    pub(super) work_left: u64,
    /// How many records the batch has.
    records: usize,
    /// About how many bytes its messages take, and those that waited for them.
    pub(super) held: usize,
    /// Epochs below this number are closed.
    pub(super) epochs_closed: u64,
    /// How many more wait of each epoch.
    pub(super) added: BTreeMap<u64, Added>,
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
        pressure: &'a mut Pressure,
        (limits, rules): (Limits, Rules),
        epochs_closed: u64,
    ) -> Self {
        Self {
            channel,
            store,
            known,
            pressure,
            limits,
            rules,
            work_left: rules.work,
            records: 0,
            held: 0,
            epochs_closed,
            added: BTreeMap::new(),
            layer_opener: LayerOpener::new(),
            changes: Changes::default(),
            tally: Tally::default(),
            touched: BTreeSet::new(),
        }
    }

    /// Goes through the layers. What is to be stored is in the changes; nothing is stored yet.
    pub(super) async fn run(
        mut self,
        records: Vec<Record>,
    ) -> std::result::Result<(Changes, Tally), GivenUp> {
        self.records = records.len();
        let mut arrivals = self.admit(records);
        for layer in 0..self.channel.layers {
            self.load(&arrivals).await?;
            self.recover(&mut arrivals).await?;
            self.sort_out(&mut arrivals);
            if layer == 0 {
                self.drop_replays(&mut arrivals).await?;
            }
            arrivals = self.open(arrivals, layer + 1 == self.channel.layers)?;
        }
        self.count().await?;
        self.changes.pending = self.pressure.changes(&self.added);
        Ok((self.changes, self.tally))
    }

    /// Takes in messages that stand in memory now, and says about how many bytes they take.
    pub(super) fn hold(&mut self, bodies: &[Body]) -> usize {
        let bytes = bodies.iter().map(Body::packed_bytes).sum::<usize>();
        let bytes = bytes + bodies.len() * MESSAGE_BYTES;
        self.held += bytes;
        bytes
    }

    /// Gives the batch up if there is no room for what stands in memory now. One record always has: what waits for it is bounded
    /// by itself.
    pub(super) fn check_room(&self) -> std::result::Result<(), GivenUp> {
        let is_crowded = self.held + self.known.bytes > self.limits.memory.batch();
        if is_crowded && self.records > 1 {
            return Err(GivenUp::Crowded(self.tally.decoding));
        }
        Ok(())
    }

    /// Leaves a message, of which a layer was opened, with the dead letters: without its bytes.
    pub(super) fn bury(&mut self, offset: Option<Offset>, reason: Rejection) {
        self.tally.reject(reason, 1);
        let Some(offset) = offset else {
            return;
        };
        self.changes.dead_letters.push(DeadLetter {
            offset,
            reason,
            start: Bytes::new(),
        });
    }

    /// Reads the records, and refuses those that are no message of this channel.
    fn admit(&mut self, records: Vec<Record>) -> Arrivals {
        let channel = ChannelId::of(&self.channel.name);
        let mut admitted = Gathering::default();
        for record in records {
            self.tally.consumed += 1;
            match self.judge(&channel, &record) {
                Ok((came, layout)) => {
                    // The bytes of many records are one allocation, which the last of them would keep.
                    let body = Body::new(record.value.to_vec(), layout, record.offset);
                    self.hold(slice::from_ref(&body));
                    if admitted.add(came.group, body) {
                        self.meet(came.group, came.epoch, came.threshold, None);
                    }
                }
                Err(reason) => {
                    self.tally.reject(reason, 1);
                    let start = record.value.into_iter().take(DEAD_LETTER_BYTES);
                    self.changes.dead_letters.push(DeadLetter {
                        offset: record.offset,
                        reason,
                        start: start.collect(),
                    });
                }
            }
        }
        admitted.arrivals()
    }

    /// Whether a record is a message of this channel, of which group, and where its parts are.
    fn judge(
        &self,
        channel: &ChannelId,
        record: &Record,
    ) -> std::result::Result<(Came, Layout), Rejection> {
        let header = threshold_header(record)?;
        if record.value.len() > self.channel.message_bytes_max {
            return Err(Rejection::Malformed);
        }
        let message = Message::read(&record.value, self.channel.layers);
        let message = message.map_err(|_| Rejection::Malformed)?;
        let epochs = &self.channel.epochs;
        let epoch = epochs.of(message.epoch, record.timestamp);
        let epoch = epoch.filter(|epoch| *epoch >= self.epochs_closed);
        let epoch = epoch.ok_or(Rejection::Late)?;
        let of_share = message.outer.share.sealed.threshold;
        let threshold = (self.rules.threshold)(self.channel, header, of_share);
        let threshold = threshold.ok_or(Rejection::Threshold)?;
        let group = (self.rules.group)(&channel.0, epoch, &message.outer);
        let came = Came {
            group,
            epoch,
            threshold,
        };
        Ok((came, Layout::of(&message)))
    }

    /// Remembers a group that a message is of. Whether it is open is looked up with the others of its layer.
    pub(super) fn meet(
        &mut self,
        id: GroupId,
        epoch: u64,
        threshold: u32,
        parent: Option<LabelId>,
    ) {
        let group = Group {
            epoch,
            threshold,
            parent,
            state: State::Unknown,
        };
        self.known.meet(id, group);
    }

    /// Looks up the groups that nothing is known of yet.
    async fn load(&mut self, arrivals: &Arrivals) -> std::result::Result<(), GivenUp> {
        let groups = &self.known.groups;
        let is_unknown = |id: &&GroupId| {
            groups
                .get(*id)
                .is_some_and(|group| matches!(group.state, State::Unknown))
        };
        let ids = arrivals.iter().map(|(id, _)| id);
        let unknown: Vec<GroupId> = ids.filter(is_unknown).copied().collect();
        for page in unknown.chunks(PAGE_GROUPS) {
            let kept = self.store.groups(page).await?;
            for id in page {
                let Some(group) = self.known.groups.get_mut(id) else {
                    continue;
                };
                group.state =
                    State::of(kept.get(id), group.epoch).ok_or(StoreError::Corrupt("a secret"))?;
                self.known.bytes += group.state.bytes();
            }
            self.check_room()?;
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
                        (label.epoch, self.pressure.level(label.epoch)),
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

/// What group a message came to.
#[derive(Clone, Copy)]
struct Came {
    group: GroupId,
    epoch: u64,
    threshold: u32,
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
        .find(|header| header.name == RECORD_THRESHOLD_HEADER);
    let Some(header) = header else {
        return Ok(None);
    };
    let bytes = header.value.as_slice().try_into();
    let bytes = bytes.map_err(|_| Rejection::Threshold)?;
    Ok(Some(u32::from_le_bytes(bytes)))
}
