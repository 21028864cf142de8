//! The key directory: which keys everybody sees (contracts §5, threat T12).
//!
//! [`Verified::check`] decides what of a directory may be believed: that it is one chain, that its
//! keys, of which the pinned one is any, signed its heads, that it goes on from what this client saw before, and that others see
//! the same. [`rules::judge`] then decides which of its keys may be used. Both are functions of
//! their arguments only.

mod memory;
pub mod rules;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use ed25519_dalek::VerifyingKey;
use messages::directory::{
    BrokenChain, Directory, Entry, Head, KeySequence, PinError, check_chain,
};

pub use memory::Memory;

use crate::Profile;

/// The part of a directory that this client believes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verified {
    entries: Vec<Entry>,
    heads: Vec<Head>,
    split_view: bool,
}

/// Why a directory is refused as a whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DirectoryError {
    /// An entry does not follow from those before it.
    #[error(transparent)]
    Chain(#[from] BrokenChain),
    /// What was seen before is gone or was changed.
    #[error("the key directory does not go on from what was seen before")]
    Forgotten,
    /// The heads are not one per day, in order, each over a state of these entries.
    #[error("the head of {day} does not fit the entries")]
    Head {
        /// The day of the head.
        day: NaiveDate,
    },
    /// The directory key was changed against the rules, or the pinned key is none of its keys.
    #[error(transparent)]
    Key(#[from] PinError),
    /// The key that is in force where a head ends did not sign it.
    #[error("the head of {day} is not signed by the directory key in force")]
    Signature {
        /// The day of the head.
        day: NaiveDate,
    },
}

impl Verified {
    /// Checks a directory against the pinned key, which may be any of the directory's keys, the client's memory, and what witnesses saw.
    ///
    /// A head counts when [`Profile::witnesses_min`] witnesses have the very same; from the first day on which
    /// a witness has another head with a valid signature, nothing counts. What the counting heads do
    /// not cover is ignored.
    pub fn check(
        directory: &Directory,
        memory: &Memory,
        pinned: &VerifyingKey,
        witnesses: &[Vec<Head>],
        profile: &Profile,
    ) -> Result<Self, DirectoryError> {
        check_chain(&directory.entries)?;
        let keys = KeySequence::pinned(&directory.entries, *pinned)?;
        check_heads(directory, &keys)?;
        if !memory.is_continued_by(&directory.heads) {
            return Err(DirectoryError::Forgotten);
        }

        let seen: Vec<BTreeMap<NaiveDate, &Head>> = witnesses
            .iter()
            .map(|heads| {
                let signed = heads.iter().filter(|head| keys.signed(head));
                signed.map(|head| (head.day, head)).collect()
            })
            .collect();
        let mut heads = Vec::new();
        let mut split_view = false;
        for head in &directory.heads {
            let views = seen.iter().filter_map(|heads| heads.get(&head.day));
            split_view = split_view || views.clone().any(|view| !is_same(view, head));
            if split_view {
                break;
            }
            if views.count() >= profile.witnesses_min {
                heads.push(head.clone());
            }
        }
        let size = heads.last().map_or(0, |head| head.size);
        let covered = directory.entries.iter().zip(0..size);
        Ok(Self {
            entries: covered.map(|(entry, _)| entry.clone()).collect(),
            heads,
            split_view,
        })
    }

    /// The entries that the heads cover.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The heads that witnesses confirm.
    pub fn heads(&self) -> &[Head] {
        &self.heads
    }

    /// Whether a witness was shown another directory, signed by the same keys: somebody lies.
    pub fn split_view(&self) -> bool {
        self.split_view
    }

    /// The day of the first head that covers the entry at `index`.
    pub fn appeared(&self, index: u64) -> Option<NaiveDate> {
        let mut covering = self.heads.iter().filter(|head| head.size > index);
        covering.next().map(|head| head.day)
    }
}

/// Whether two heads say the same. The signatures may differ: only their validity matters.
fn is_same(one: &Head, other: &Head) -> bool {
    (one.day, one.size, one.hash) == (other.day, other.size, other.hash)
}

fn check_heads(directory: &Directory, keys: &KeySequence) -> Result<(), DirectoryError> {
    let mut last: Option<&Head> = None;
    for head in &directory.heads {
        let day = head.day;
        let in_order = last.is_none_or(|last| last.day < day && last.size <= head.size);
        if !in_order || !head.covers(&directory.entries) {
            return Err(DirectoryError::Head { day });
        }
        if !keys.signed(head) {
            return Err(DirectoryError::Signature { day });
        }
        last = Some(head);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
