//! The lines of the directory.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{CHAIN_START, ChangeSignatures, CheckedChange, KeyChange};
use crate::{
    FundingSource, KeyId, PublicKey, challenge_bypass::Derivation, digest::H, encoding::Fixed,
    money::Amount,
};

/// One line of the directory. Each kind has its own members and no others.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Entry {
    /// What happened to the directory key itself.
    DirectoryKey(DirectoryKeyEntry),
    /// What happened to an issuer key.
    IssuerKey(IssuerKeyEntry),
}

/// What an entry reports of an issuer key.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// A key was added.
    Added,
    /// A key was revoked.
    Revoked,
}

/// A line about an issuer key.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IssuerKeyEntry {
    /// Its place, from 0 on.
    pub index: u64,
    /// The issuer's name.
    pub issuer: String,
    /// The key's id.
    pub key_id: KeyId,
    /// The public key.
    pub public_key: PublicKey,
    /// How tokens are derived.
    pub derivation: Derivation,
    /// Whose money the key's tokens stand for.
    pub funding_source: FundingSource,
    /// What one token is worth.
    pub base_vote_value: Amount,
    /// The key signs from here on.
    pub sign_from: DateTime<Utc>,
    /// The key signs until here.
    pub sign_until: DateTime<Utc>,
    /// The key redeems until here.
    pub redeem_until: DateTime<Utc>,
    /// What happened.
    pub event: Event,
    /// `H("bt/directory/1", previous hash, RFC 8785 form of this entry without its hash)`.
    pub hash: Fixed<32>,
}

/// What an entry reports of the directory key.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DirectoryKeyEvent {
    /// A new key is in force from here on.
    DirectoryKey,
}

/// A line about the directory key: heads that cover it are signed by the new one.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DirectoryKeyEntry {
    /// Its place, from 0 on.
    pub index: u64,
    /// What happened.
    pub event: DirectoryKeyEvent,
    /// The new key's id.
    pub key_id: KeyId,
    /// The new key: ed25519.
    pub public_key: Fixed<32>,
    /// The key that was in force until here.
    pub previous_key: Fixed<32>,
    /// By both keys.
    pub signatures: ChangeSignatures,
    /// `H("bt/directory/1", previous hash, RFC 8785 form of this entry without its hash)`.
    pub hash: Fixed<32>,
}

impl DirectoryKeyEntry {
    /// What it changes.
    pub fn change(&self) -> KeyChange {
        KeyChange {
            public_key: self.public_key,
            previous_key: self.previous_key,
            signatures: self.signatures,
        }
    }
}

/// A line that has no place yet.
impl From<&CheckedChange> for Entry {
    fn from(change: &CheckedChange) -> Self {
        let change = change.change();
        Self::DirectoryKey(DirectoryKeyEntry {
            index: 0,
            event: DirectoryKeyEvent::DirectoryKey,
            key_id: KeyId::of(&change.public_key),
            public_key: change.public_key,
            previous_key: change.previous_key,
            signatures: change.signatures,
            hash: CHAIN_START,
        })
    }
}

impl Entry {
    /// Its place, from 0 on.
    pub fn index(&self) -> u64 {
        match self {
            Self::DirectoryKey(entry) => entry.index,
            Self::IssuerKey(entry) => entry.index,
        }
    }

    /// Its hash.
    pub fn hash(&self) -> Fixed<32> {
        match self {
            Self::DirectoryKey(entry) => entry.hash,
            Self::IssuerKey(entry) => entry.hash,
        }
    }

    /// What it says of an issuer key, if it is about one.
    pub fn issuer_key(&self) -> Option<&IssuerKeyEntry> {
        match self {
            Self::DirectoryKey(_) => None,
            Self::IssuerKey(entry) => Some(entry),
        }
    }

    /// The hash that this entry has after an entry with the hash `previous`.
    pub fn hash_after(&self, previous: &Fixed<32>) -> Fixed<32> {
        let mut value = serde_json::to_value(self).expect("an entry is plain data");
        value
            .as_object_mut()
            .expect("an entry is an object")
            .remove("hash");
        let canonical =
            serde_json_canonicalizer::to_vec(&value).expect("plain data has a canonical form");
        let hash = H::new("bt/directory/1")
            .part(previous.as_bytes())
            .part(&canonical);
        Fixed(hash.finish())
    }

    /// The entry as the next one after `last`: with the place and the hash that it has there.
    #[must_use]
    pub fn after(mut self, last: Option<&Self>) -> Self {
        *self.place().0 = last.map_or(0, |last| last.index() + 1);
        let previous = last.map_or(CHAIN_START, Self::hash);
        *self.place().1 = self.hash_after(&previous);
        self
    }

    fn place(&mut self) -> (&mut u64, &mut Fixed<32>) {
        match self {
            Self::DirectoryKey(entry) => (&mut entry.index, &mut entry.hash),
            Self::IssuerKey(entry) => (&mut entry.index, &mut entry.hash),
        }
    }
}
