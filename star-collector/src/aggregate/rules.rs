//! The rules of counting, as values: a control of the threat model plants a fault by replacing one (threat T13).
//!
//! [`Default`] gives the real ones, and no setting has another.

use super::recovery::WORK_MAX;
use crate::domain::{
    channel::Channel,
    group::{GroupId, LabelId, NAME_BYTES},
    sampling::{Waiting, level_for},
    secret::{Recovered, Secret},
    wire::{Layer, Point, Sealed},
};

/// What an aggregator believes.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// What a group's points give, the first of which are not all honest.
    pub decode: fn(&Sealed<'_>, &[Point]) -> Option<Recovered>,
    /// Which points of an open group are honest.
    pub honest: fn(&Secret, &[Point]) -> Vec<bool>,
    /// What trying groups that have hardly grown may cost a batch, in multiplications.
    pub work: u64,
    /// The threshold of a message, by its header and by its open share. `None`: it is refused.
    pub threshold: fn(&Channel, Option<u32>, u32) -> Option<u32>,
    /// The group of a layer: below the channel or the label with this name, in this epoch.
    pub group: fn(&[u8; NAME_BYTES], u64, &Layer<'_>) -> GroupId,
    /// The label of a text among the opened messages of a group.
    pub label: fn(&GroupId, &str) -> LabelId,
    /// At which level groups go on waiting, from this one on, when so many bytes may wait.
    pub level: fn(&[Waiting], u8, u64) -> u8,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            decode: Recovered::decode,
            work: WORK_MAX,
            honest: Secret::have,
            threshold: |channel, header, share| {
                let threshold = channel.threshold(header);
                threshold.filter(|threshold| *threshold == share)
            },
            group: GroupId::below,
            label: LabelId::of,
            level: level_for,
        }
    }
}
