//! The rules that a test can replace to plant one fault and show that it is noticed.
//!
//! [`Default`] gives the real ones, and nothing but test-kit constructs another value: no setting and
//! no feature switches a rule off.

use chrono::{DateTime, Utc};
use service_kit::fault::FaultPoints;
use uuid::Uuid;

use crate::{
    domain::{
        capability::{Allowed, Capabilities, May, Refused},
        funds, order,
        transfer::TransferRules,
    },
    votes::VoteRules,
};

/// Replaceable rules.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Who may do what with an order (threat T8).
    pub capability: CapabilityRule,
    /// Whether a quantity is sold (threat T10).
    pub quantity: fn(i64, &[u32]) -> Option<u32>,
    /// Whether an idempotency key is bound to the body: `(key, body)` gives what is remembered (T16).
    pub idempotency: fn(&Uuid, &[u8]) -> [u8; 32],
    /// Which transfer pays which order (threats T3 and T4).
    pub transfers: TransferRules,
    /// Whether so many tokens can have been signed: `(signed, sold)` (threat T19).
    pub signed_fits: fn(u64, u64) -> bool,
    /// The votes side.
    pub votes: VoteRules,
    /// Points at which a test makes the service fail.
    pub fault: FaultPoints,
}

/// How a capability is checked.
pub type CapabilityRule =
    fn(&Capabilities, Uuid, Option<&str>, May, DateTime<Utc>) -> Result<Allowed, Refused>;

impl Default for Rules {
    fn default() -> Self {
        Self {
            capability: Capabilities::check,
            quantity: order::sold_quantity,
            idempotency: order::idempotency_hash,
            transfers: TransferRules::default(),
            signed_fits: funds::signed_fits,
            votes: VoteRules::default(),
            fault: FaultPoints::default(),
        }
    }
}
