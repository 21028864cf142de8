//! The key directory (contracts §5): an append-only chain of entries, with a signed head a day.
//!
//! Everybody gets the same bytes, so a key that only some clients are shown would have to break
//! either the chain or a signature (threat T12).

mod entry;
mod keys;

use chrono::NaiveDate;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{digest::H, encoding::Fixed};

pub use entry::{DirectoryKeyEntry, DirectoryKeyEvent, Entry, Event, IssuerKeyEntry};
pub use keys::{
    BrokenSequence, ChangeSignatures, CheckedChange, InvalidChange, KeyChange, KeySequence,
    OutOfTurn, PinError, UnsignedChange,
};

/// What the first entry is chained to.
pub const CHAIN_START: Fixed<32> = Fixed([0; 32]);

/// `GET /v4/key-directory` and `GET /v1/key-directory`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct Directory {
    /// Every entry since index 0.
    pub entries: Vec<Entry>,
    /// Every daily head. challenge-bypass, which has no directory key, sends none.
    pub heads: Vec<Head>,
}

/// The first entry that does not follow from those before it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("entry {index} of the key directory does not follow from those before it")]
pub struct BrokenChain {
    /// The place of the entry.
    pub index: u64,
}

/// Checks that `entries` is a chain from index 0 on.
pub fn check_chain(entries: &[Entry]) -> Result<(), BrokenChain> {
    let mut previous = CHAIN_START;
    for (index, entry) in (0..).zip(entries) {
        if entry.index() != index || entry.hash() != entry.hash_after(&previous) {
            return Err(BrokenChain { index });
        }
        previous = entry.hash();
    }
    Ok(())
}

/// The signed state of the directory on one day.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The day, UTC.
    pub day: NaiveDate,
    /// How many entries it covers.
    pub size: u64,
    /// The hash of the last of them, or [`CHAIN_START`].
    pub hash: Fixed<32>,
    /// ed25519 by the directory key that is in force at this size over `H("bt/directory-head/1", day, size, hash)`.
    pub signature: Fixed<64>,
}

impl Head {
    /// Signs the state of `entries` on `day`.
    pub fn sign(day: NaiveDate, entries: &[Entry], key: &SigningKey) -> Self {
        let size = entries.len() as u64;
        let hash = entries.last().map_or(CHAIN_START, Entry::hash);
        let signature = key.sign(&signed_bytes(day, size, &hash));
        Self {
            day,
            size,
            hash,
            signature: Fixed(signature.to_bytes()),
        }
    }

    /// Whether this head is over the first of `entries`.
    pub fn covers(&self, entries: &[Entry]) -> bool {
        let Ok(size) = usize::try_from(self.size) else {
            return false;
        };
        let hash = match size.checked_sub(1) {
            None => Some(CHAIN_START),
            Some(last) => entries.get(last).map(Entry::hash),
        };
        hash == Some(self.hash)
    }

    /// Whether `key` signed this head.
    pub fn is_signed_by(&self, key: &VerifyingKey) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(self.signature.as_bytes());
        let bytes = signed_bytes(self.day, self.size, &self.hash);
        key.verify_strict(&bytes, &signature).is_ok()
    }
}

fn signed_bytes(day: NaiveDate, size: u64, hash: &Fixed<32>) -> [u8; 32] {
    H::new("bt/directory-head/1")
        .part(day.to_string().as_bytes())
        .part(&size.to_be_bytes())
        .part(hash.as_bytes())
        .finish()
}

/// `GET /v1/directory-heads` of a witness.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WitnessedHeads {
    /// The heads that the witness has seen, oldest first.
    pub heads: Vec<Head>,
}

#[cfg(test)]
mod tests;
