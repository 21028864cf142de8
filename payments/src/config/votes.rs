//! Settings of the votes side.

use serde::Deserialize;

use crate::domain::{publication::Slots, vote::VoteLimits};

/// Bounds on votes.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Votes {
    /// The most credentials of one vote.
    pub vote_credentials_max: usize,
    /// The longest text of a vote, before base64.
    pub vote_text_bytes_max: usize,
    /// The largest body of a vote, in bytes.
    pub body_bytes_max: usize,
    /// The most votes that are redeemed and recorded at once.
    pub votes_in_work_max: usize,
    /// How long after its key's last day a vote's id is kept: as long as challenge-bypass keeps redemptions, and a day.
    pub vote_retention_days: u32,
}

impl Votes {
    /// The bounds on what one vote says.
    pub fn limits(self) -> VoteLimits {
        VoteLimits {
            credentials_max: self.vote_credentials_max,
            text_bytes_max: self.vote_text_bytes_max,
        }
    }
}

/// When things are published.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publication {
    /// The times of day (UTC) at which votes are published.
    pub publication_slots: Slots,
    /// Fewer votes wait for a later slot; the last slot of a day takes all.
    pub publication_min_votes: u64,
    /// How often heads and funds are looked for, which tell nothing about a person.
    pub figures_interval_minutes: u32,
    /// How long one process may publish before another one takes over, unless it goes on.
    pub lease_seconds: u64,
    /// How many partitions a topic gets when it is made.
    pub topic_partitions: u32,
    /// How long a topic keeps its records.
    pub topic_retention_days: u32,
}

/// The key directory.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectorySettings {
    /// How long before its first day a key must be published, or else nothing is sold under it.
    pub key_notice_hours: u32,
    /// How often its entries are fetched: for so long a key that was revoked may still be sold under.
    pub directory_poll_minutes: u32,
}
