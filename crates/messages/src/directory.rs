//! The key directory (contracts §5): an append-only chain of entries, with a signed head a day.
//!
//! Everybody gets the same bytes, so a key that only some clients are shown would have to break
//! either the chain or a signature (threat T12).

use chrono::{DateTime, NaiveDate, Utc};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    FundingSource, KeyId, PublicKey, challenge_bypass::Derivation, digest::H, encoding::Fixed,
    money::Amount,
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

/// What an entry reports.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// A key was added.
    Added,
    /// A key was revoked.
    Revoked,
}

/// One line of the directory.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
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

impl Entry {
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

    /// The entry with its hash set to what it must be after `previous`.
    #[must_use]
    pub fn chained(mut self, previous: &Fixed<32>) -> Self {
        self.hash = self.hash_after(previous);
        self
    }
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
        if entry.index != index || entry.hash != entry.hash_after(&previous) {
            return Err(BrokenChain { index });
        }
        previous = entry.hash;
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
    /// ed25519 by the directory key over `H("bt/directory-head/1", day, size, hash)`.
    pub signature: Fixed<64>,
}

impl Head {
    /// Signs the state of `entries` on `day`.
    pub fn sign(day: NaiveDate, entries: &[Entry], key: &SigningKey) -> Self {
        let size = entries.len() as u64;
        let hash = entries.last().map_or(CHAIN_START, |entry| entry.hash);
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
            Some(last) => entries.get(last).map(|entry| entry.hash),
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
mod tests {
    use chrono::TimeZone as _;
    use sha2::{Digest as _, Sha256};

    use super::*;

    fn entries(count: u64) -> Vec<Entry> {
        let mut entries = Vec::<Entry>::new();
        for index in 0..count {
            let previous = entries.last().map_or(CHAIN_START, |entry| entry.hash);
            let public_key = Fixed([u8::try_from(index).unwrap(); 32]);
            let entry = Entry {
                index,
                issuer: "brave.com?sku=user-wallet-vote".to_owned(),
                key_id: KeyId::of(&public_key),
                public_key,
                derivation: Derivation::Rfc9497,
                funding_source: FundingSource::UserWallet,
                base_vote_value: "0.25".parse().unwrap(),
                sign_from: Utc.with_ymd_and_hms(2026, 1, 3, 0, 0, 0).unwrap(),
                sign_until: Utc.with_ymd_and_hms(2026, 2, 2, 0, 0, 0).unwrap(),
                redeem_until: Utc.with_ymd_and_hms(2026, 3, 4, 0, 0, 0).unwrap(),
                event: Event::Added,
                hash: CHAIN_START,
            };
            entries.push(entry.chained(&previous));
        }
        entries
    }

    #[test]
    fn a_chain_is_accepted_and_any_change_in_it_is_found() {
        let good = entries(3);
        assert_eq!(check_chain(&good), Ok(()));
        assert_eq!(check_chain(&[]), Ok(()));

        let mut renamed = good.clone();
        renamed[1].issuer.push('x');
        assert_eq!(check_chain(&renamed), Err(BrokenChain { index: 1 }));

        let mut dated = good.clone();
        dated[2].redeem_until += chrono::TimeDelta::seconds(1);
        assert_eq!(check_chain(&dated), Err(BrokenChain { index: 2 }));

        let mut without_first = good.clone();
        without_first.remove(0);
        assert_eq!(check_chain(&without_first), Err(BrokenChain { index: 0 }));

        let mut swapped = good;
        swapped.swap(0, 1);
        assert_eq!(check_chain(&swapped), Err(BrokenChain { index: 0 }));
    }

    #[test]
    fn a_head_is_valid_only_as_it_was_signed() {
        let key = SigningKey::from_bytes(&[9; 32]);
        let day = NaiveDate::from_ymd_opt(2026, 1, 2).unwrap();
        let head = Head::sign(day, &entries(2), &key);
        let public = key.verifying_key();
        assert!(head.is_signed_by(&public));
        assert!(!head.is_signed_by(&SigningKey::from_bytes(&[8; 32]).verifying_key()));

        let mut later = head.clone();
        later.day = day.succ_opt().unwrap();
        let mut longer = head.clone();
        longer.size += 1;
        let mut other = head;
        other.hash = Fixed([1; 32]);
        for changed in [later, longer, other] {
            assert!(!changed.is_signed_by(&public));
        }
    }

    #[test]
    fn a_head_is_signed_over_the_hash_of_these_bytes() {
        let key = SigningKey::from_bytes(&[9; 32]);
        let entries = entries(2);
        let bytes = [
            b"\0\0\0\x13bt/directory-head/1\0\0\0\x0a2026-01-02".as_slice(),
            b"\0\0\0\x08\0\0\0\0\0\0\0\x02\0\0\0\x20",
            entries[1].hash.as_bytes(),
        ];
        let signature = key.sign(&Sha256::digest(bytes.concat()));

        let head = Head::sign("2026-01-02".parse().unwrap(), &entries, &key);

        assert_eq!(head.signature, Fixed(signature.to_bytes()));
    }

    #[test]
    fn a_head_covers_the_entries_that_it_was_signed_over_and_all_that_begin_with_them() {
        let key = SigningKey::from_bytes(&[9; 32]);
        let day = NaiveDate::from_ymd_opt(2026, 1, 2).unwrap();
        let of = |count| Head::sign(day, &entries(count), &key);
        let mut other = entries(3);
        other[1].issuer.push('x');
        other[1] = other[1].clone().chained(&other[0].hash);

        assert!(of(2).covers(&entries(2)) && of(2).covers(&entries(3)));
        assert!(of(0).covers(&[]) && of(0).covers(&entries(1)));
        assert!(!of(2).covers(&entries(1)) && !of(2).covers(&other));
        assert!(of(1).covers(&other));
    }

    #[test]
    fn the_form_of_an_entry_does_not_drift() {
        insta::assert_json_snapshot!(entries(1));
    }
}
