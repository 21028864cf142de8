//! What is known of the messages that wait.

use super::Slot;
use crate::domain::{group::GroupId, sampling::Sampling};

/// What waits of an epoch in a partition.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pending {
    /// The partition.
    pub slot: Slot,
    /// The epoch.
    pub epoch: u64,
    /// Which groups are kept.
    pub sampling: Sampling,
    /// The level that the groups were dropped at which had waited before.
    pub swept: u8,
    /// How many messages wait.
    pub messages: u64,
    /// How many bytes they have.
    pub bytes: u64,
}

/// How many messages more wait than did, and how many bytes they have.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Added {
    /// Messages.
    pub messages: i64,
    /// Bytes.
    pub bytes: i64,
}

/// What a batch changes of what waits of an epoch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PendingChange {
    /// The epoch.
    pub epoch: u64,
    /// Which groups are kept from now on. The first key that is stored remains.
    pub sampling: Sampling,
    /// How many more wait, or fewer.
    pub added: Added,
}

/// A group, and what waits for it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct WaitingGroup {
    /// Which one.
    pub id: GroupId,
    /// How many messages.
    pub messages: u64,
    /// How many bytes they have.
    pub bytes: u64,
}

impl WaitingGroup {
    /// How many bytes of messages are dropped in one transaction, if it drops more than one group: no statement is cancelled,
    /// and nobody waits long for the writers' lock.
    const DROPPED_BYTES_MAX: u64 = 32 << 20;

    /// So many of the first groups as are dropped in one transaction.
    pub fn page(groups: &[Self]) -> &[Self] {
        let mut bytes = 0;
        let fitting = groups.iter().enumerate().take_while(|(i, group)| {
            bytes += group.bytes;
            *i == 0 || bytes <= Self::DROPPED_BYTES_MAX
        });
        let (page, _later) = groups.split_at(fitting.count());
        page
    }
}

/// What became of rows that were to be dropped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum Dropped {
    /// The last ones are dropped.
    All,
    /// Somebody else has moved the position meanwhile, or dropped the last ones. Nothing is dropped.
    Overtaken,
    /// Some are dropped. Others may be left.
    Some,
}
