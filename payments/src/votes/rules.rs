//! The rules of the votes side as plain functions, so that a test can plant a fault and show that it is noticed.
//!
//! [`Default`] gives the real ones. Nothing else in the program constructs another value.

use http::HeaderMap;
use messages::{
    challenge_bypass::RedemptionResponse,
    digest::{H, uuid_v8},
};
use service_kit::outbox::{Schedule, Shuffle};
use uuid::Uuid;

use crate::{
    challenge_bypass::Error,
    domain::{anonymity, directory::KnownKey, vote::VoteId},
};

/// Replaceable rules.
#[derive(Clone, Copy, Debug)]
pub struct VoteRules {
    /// Whether unknown members of a vote are refused (threat U3).
    pub unknown_members_are_refused: fn() -> bool,
    /// What counts as redeemed: what challenge-bypass says, and nothing else (threat T11).
    pub redemption:
        fn(&KnownKey, Result<RedemptionResponse, Error>) -> Result<RedemptionResponse, Error>,
    /// The id of the event of a vote: the same whenever it is published again (threat T11).
    pub event_id: fn(VoteId) -> Uuid,
    /// When votes are published (threat U2).
    pub schedule: fn(Schedule) -> Schedule,
    /// The order that votes are published in (threat U2).
    pub shuffle: Shuffle,
    /// Headers that go with the key directory: none, since a validator would be a cookie (threat T12).
    pub directory_headers: fn(&[u8]) -> HeaderMap,
    /// How the figures of the anonymity sets are rounded (threat S3).
    pub rounded: fn(u64) -> u64,
}

impl Default for VoteRules {
    fn default() -> Self {
        Self {
            unknown_members_are_refused: || true,
            redemption: |_, answer| answer,
            event_id,
            schedule: |slots| slots,
            shuffle: Shuffle::Random,
            directory_headers: |_| HeaderMap::new(),
            rounded: anonymity::rounded,
        }
    }
}

/// The id of the event of a vote.
pub fn event_id(vote: VoteId) -> Uuid {
    uuid_v8(H::new("bt/event/1").part(&vote.0).finish())
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    /// With other bytes under it, a vote that is published again after a release would count twice.
    #[test]
    fn the_id_of_an_event_is_a_hash_over_these_bytes() {
        let bytes = [b"\0\0\0\x0abt/event/1\0\0\0\x20".as_slice(), &[7; 32]];

        let expected = uuid_v8(Sha256::digest(bytes.concat()).into());

        assert_eq!(event_id(VoteId([7; 32])), expected);
    }
}
