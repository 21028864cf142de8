//! Which directory key is in force (contracts §5, threat T12).
//!
//! Each change is signed by the key that goes and by the one that comes. So a chain of changes holds
//! in both directions: whoever knows any one of its keys knows all of them.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Entry, Head};
use crate::{KeyId, digest::H, encoding::Fixed};

/// A change of the directory key, and the body of `POST /v4/directory-keys`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyChange {
    /// The new key: ed25519.
    pub public_key: Fixed<32>,
    /// The key that it replaces.
    pub previous_key: Fixed<32>,
    /// By both.
    pub signatures: ChangeSignatures,
}

/// ed25519 by each of the two keys over `H("bt/directory-key/1", previous key, new key)`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeSignatures {
    /// By the key that is replaced: nobody else can replace it.
    pub previous: Fixed<64>,
    /// By the new key: nobody can make a key theirs whose secret somebody else has.
    pub new: Fixed<64>,
}

impl KeyChange {
    /// The change from `previous` to `new`.
    pub fn sign(previous: &SigningKey, new: &SigningKey) -> Self {
        let [previous_key, public_key] =
            [previous, new].map(|key| Fixed(key.verifying_key().to_bytes()));
        let bytes = signed_bytes(&previous_key, &public_key);
        Self {
            public_key,
            previous_key,
            signatures: ChangeSignatures {
                previous: Fixed(previous.sign(&bytes).to_bytes()),
                new: Fixed(new.sign(&bytes).to_bytes()),
            },
        }
    }

    /// The change, if both keys signed it.
    pub fn check(self) -> Result<CheckedChange, UnsignedChange> {
        let bytes = signed_bytes(&self.previous_key, &self.public_key);
        let verified = |key: &Fixed<32>, signature: &Fixed<64>| {
            let key = VerifyingKey::from_bytes(key.as_bytes()).ok()?;
            let signature = Signature::from_bytes(signature.as_bytes());
            key.verify_strict(&bytes, &signature).ok()?;
            Some(key)
        };
        let previous = verified(&self.previous_key, &self.signatures.previous);
        let new = verified(&self.public_key, &self.signatures.new);
        Ok(CheckedChange {
            change: self,
            previous: previous.ok_or(UnsignedChange::Previous)?,
            new: new.ok_or(UnsignedChange::New)?,
        })
    }
}

fn signed_bytes(previous: &Fixed<32>, new: &Fixed<32>) -> [u8; 32] {
    H::new("bt/directory-key/1")
        .part(previous.as_bytes())
        .part(new.as_bytes())
        .finish()
}

/// A change that both keys signed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CheckedChange {
    change: KeyChange,
    previous: VerifyingKey,
    new: VerifyingKey,
}

impl CheckedChange {
    /// What was checked.
    pub fn change(&self) -> KeyChange {
        self.change
    }

    /// The key that comes into force.
    pub fn new_key(&self) -> &VerifyingKey {
        &self.new
    }
}

/// One of the two keys did not sign the change.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UnsignedChange {
    /// The new one.
    #[error("the new directory key did not sign the change")]
    New,
    /// The one that is replaced.
    #[error("the previous directory key did not sign the change")]
    Previous,
}

/// The change does not go on from those before it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OutOfTurn {
    /// Another key than the one that it replaces is in force.
    #[error("the directory key that is to be replaced is not in force")]
    NotInForce,
    /// Its new key was in force before: what was replaced never comes back.
    #[error("the new directory key was in force before")]
    Returns,
}

/// Why an entry changes no key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidChange {
    /// The entry's key id is not that of its key.
    #[error("the key id is another key's")]
    KeyId,
    /// It does not go on from the changes before it.
    #[error(transparent)]
    OutOfTurn(#[from] OutOfTurn),
    /// One of the two keys did not sign it.
    #[error(transparent)]
    Unsigned(#[from] UnsignedChange),
}

/// The first entry that changes the directory key and must not.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("entry {index} of the key directory changes no key: {cause}")]
pub struct BrokenSequence {
    /// The place of the entry.
    pub index: u64,
    /// What is wrong with it.
    pub cause: InvalidChange,
}

/// Why a directory says nothing to somebody who knows one key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PinError {
    /// It changes its key against the rules.
    #[error(transparent)]
    Broken(#[from] BrokenSequence),
    /// None of its keys is the known one.
    #[error("the known key is none of the directory's keys")]
    Unknown,
}

/// The directory keys of a chain, in the order in which they came into force; none is there twice.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct KeySequence(Vec<Reign>);

/// A key, and the smallest head that it signs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Reign {
    key: VerifyingKey,
    from_size: u64,
}

impl KeySequence {
    /// The sequence of a chain that never changed its key.
    pub fn of_one(key: VerifyingKey) -> Self {
        Self(vec![Reign { key, from_size: 0 }])
    }

    /// The keys that `entries`, which are known to be a chain, name: none if they never change it.
    pub fn of(entries: &[Entry]) -> Result<Self, BrokenSequence> {
        let mut sequence = Self::default();
        for entry in entries {
            let Entry::DirectoryKey(entry) = entry else {
                continue;
            };
            let index = entry.index;
            let taken = if entry.key_id == KeyId::of(&entry.public_key) {
                let checked = entry.change().check().map_err(InvalidChange::from);
                checked.and_then(|change| Ok(sequence.change(index, &change)?))
            } else {
                Err(InvalidChange::KeyId)
            };
            taken.map_err(|cause| BrokenSequence { index, cause })?;
        }
        Ok(sequence)
    }

    /// The keys of `entries`, of which `pinned` must be one, whichever.
    pub fn pinned(entries: &[Entry], pinned: VerifyingKey) -> Result<Self, PinError> {
        let sequence = Self::of(entries)?;
        if sequence.is_empty() {
            return Ok(Self::of_one(pinned));
        }
        if sequence.contains(&pinned) {
            Ok(sequence)
        } else {
            Err(PinError::Unknown)
        }
    }

    /// Takes in what the entry at `index` changes. A refused change changes nothing.
    pub fn change(&mut self, index: u64, change: &CheckedChange) -> Result<(), OutOfTurn> {
        if self.last().is_some_and(|key| *key != change.previous) {
            return Err(OutOfTurn::NotInForce);
        }
        if change.new == change.previous || self.contains(&change.new) {
            return Err(OutOfTurn::Returns);
        }
        if self.is_empty() {
            *self = Self::of_one(change.previous);
        }
        self.0.push(Reign {
            key: change.new,
            from_size: index + 1,
        });
        Ok(())
    }

    /// Whether no key is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `key` is in force or was.
    pub fn contains(&self, key: &VerifyingKey) -> bool {
        self.0.iter().any(|reign| reign.key == *key)
    }

    /// The key that is in force after all changes.
    pub fn last(&self) -> Option<&VerifyingKey> {
        self.0.last().map(|reign| &reign.key)
    }

    /// Whether the key that is in force at the head's size signed it.
    pub fn signed(&self, head: &Head) -> bool {
        let mut begun = self.0.iter().rev();
        begun
            .find(|reign| reign.from_size <= head.size)
            .is_some_and(|reign| head.is_signed_by(&reign.key))
    }
}

#[cfg(test)]
mod tests;
