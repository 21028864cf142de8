//! How much waits, and which groups go on waiting when that is too much ([`crate::domain::sampling`]).
//!
//! Every partition has keys of its own; the level of an epoch is the highest that any partition has, and the others follow
//! when they are read next. What waits in them is counted as if they had done so already.

use std::collections::BTreeMap;

use rand::rngs::OsRng;
use service_kit::event_log::Offset;

use super::{
    rules::Rules,
    store::{Added, Pending, PendingChange, Result, Slot, Store, Taken, WaitingGroup},
};
use crate::domain::{
    group::GroupId,
    sampling::{Sampling, Waiting},
};

/// How many groups are looked at together, when too much waits.
const PAGE_GROUPS: u32 = 5_000;

/// What waits of the epochs of a topic, as one of its partitions sees it when a batch begins.
#[derive(Debug)]
pub(super) struct Pressure {
    pub(super) slot: Slot,
    pending: Vec<Pending>,
    own: BTreeMap<u64, Sampling>,
}

impl Pressure {
    pub(super) async fn load(store: &dyn Store, slot: Slot) -> Result<Self> {
        let mut pressure = Self {
            slot,
            pending: store.pending(slot).await?,
            own: BTreeMap::new(),
        };
        for epoch in pressure.pending.iter().filter(|one| one.slot == slot) {
            let sampling = epoch.sampling.at_least(pressure.level(epoch.epoch));
            pressure.own.insert(epoch.epoch, sampling);
        }
        Ok(pressure)
    }

    /// The highest level that any partition has of an epoch.
    pub(super) fn level(&self, epoch: u64) -> u8 {
        let of_epoch = self.pending.iter().filter(|one| one.epoch == epoch);
        let levels = of_epoch.map(|one| one.sampling.level());
        levels.max().unwrap_or(0)
    }

    /// How many messages of an epoch wait in the partition.
    pub(super) fn waiting(&self, epoch: u64) -> u64 {
        let of_partition = self.pending.iter().filter(|one| one.slot == self.slot);
        let of_epoch = of_partition.filter(|one| one.epoch == epoch);
        of_epoch.map(|one| one.messages).sum()
    }

    /// The highest level of all epochs.
    pub(super) fn highest(&self) -> u8 {
        let levels = self.pending.iter().map(|one| one.sampling.level());
        levels.max().unwrap_or(0)
    }

    /// Which groups of an epoch are kept in this batch.
    pub(super) fn sampling(&mut self, epoch: u64) -> Sampling {
        let level = self.level(epoch);
        let new = || Sampling::draw(&mut OsRng).at_least(level);
        *self.own.entry(epoch).or_insert_with(new)
    }

    /// What a batch changes that has so many more wait.
    pub(super) fn changes(&self, added: &BTreeMap<u64, Added>) -> Vec<PendingChange> {
        let change = |(epoch, sampling): (&u64, &Sampling)| {
            let added = added.get(epoch).copied().unwrap_or_default();
            (added != Added::default()).then_some(PendingChange {
                epoch: *epoch,
                sampling: *sampling,
                added,
            })
        };
        self.own.iter().filter_map(change).collect()
    }

    /// The epochs of the partition that have groups which are to be dropped, with the level that they go by.
    pub(super) fn unswept(&self, bytes_max: u64, rules: Rules) -> Vec<Pending> {
        let own = self.pending.iter().filter(|one| one.slot == self.slot);
        let target = |one: &Pending| {
            let of_epoch = self.pending.iter().filter(|other| other.epoch == one.epoch);
            let waiting = of_epoch.map(|other| Waiting {
                bytes: other.bytes,
                level: other.swept,
            });
            let waiting: Vec<Waiting> = waiting.collect();
            let level = (rules.level)(&waiting, self.level(one.epoch), bytes_max);
            (one.swept < level).then_some(Pending {
                sampling: one.sampling.at_least(level),
                ..*one
            })
        };
        own.filter_map(target).collect()
    }
}

/// How far the groups of an epoch were gone through.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    after: Option<GroupId>,
    /// How many messages were dropped.
    pub(super) dropped: u64,
}

/// What a step of a sweep came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Swept {
    All,
    Overtaken,
    Some,
}

impl Sweep {
    /// Drops those of the next groups that are not kept, each with all its messages, in one transaction.
    pub(super) async fn step(
        &mut self,
        store: &dyn Store,
        at: Offset,
        pending: &Pending,
    ) -> Result<Swept> {
        let Pending {
            slot,
            epoch,
            sampling,
            ..
        } = *pending;
        let found = store.closed(slot, epoch, self.after, PAGE_GROUPS).await?;
        let groups = WaitingGroup::page(&found);
        let Some(last) = groups.last() else {
            store.swept(slot, epoch, sampling.level()).await?;
            return Ok(Swept::All);
        };
        self.after = Some(last.id);
        let dropped = groups.iter().filter(|group| !sampling.keeps(&group.id));
        let dropped: Vec<WaitingGroup> = dropped.copied().collect();
        if !dropped.is_empty() {
            if store.drop_closed(slot, at, epoch, &dropped).await? == Taken::Overtaken {
                return Ok(Swept::Overtaken);
            }
            self.dropped += dropped.iter().map(|group| group.messages).sum::<u64>();
        }
        Ok(Swept::Some)
    }
}
