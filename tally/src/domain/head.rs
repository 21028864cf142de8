//! Signed heads: what the ledger was on a day, under a key that is not in the database.
//!
//! Whoever can write to the database can recompute its chain. A head that somebody kept elsewhere then
//! tells: its signature cannot be made again, and the chain no longer leads through its hash.

use std::fmt;

use chrono::NaiveDate;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use messages::{digest::H, directory, encoding::Fixed};
use serde::{Deserialize, Serialize};
use service_kit::secret::{SecretError, SecretFile};
use utoipa::ToSchema;

/// What the first witnessed head of the key directory is chained to.
pub const WITNESS_START: Fixed<32> = Fixed([0; 32]);

/// The signed state of the ledger, and of the key directory's heads that were witnessed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LedgerHead {
    /// The day it was signed on.
    pub day: NaiveDate,
    /// How many entries it covers.
    pub size: u64,
    /// The hash of the last of them.
    pub hash: Fixed<32>,
    /// How many heads of the key directory it covers.
    pub witnessed: u64,
    /// The hash of the chain of those.
    pub witnessed_hash: Fixed<32>,
    /// The key that signs heads.
    pub public_key: Fixed<32>,
    /// ed25519 over `H("bt/ledger-head/1", day, size, hash, witnessed, witnessed hash)`.
    pub signature: Fixed<64>,
}

/// What a head says, before it is signed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HeadBody {
    /// The day it is signed on.
    pub day: NaiveDate,
    /// How many entries it covers.
    pub size: u64,
    /// The hash of the last of them.
    pub hash: Fixed<32>,
    /// How many heads of the key directory it covers.
    pub witnessed: u64,
    /// The hash of the chain of those.
    pub witnessed_hash: Fixed<32>,
}

impl HeadBody {
    fn signed_bytes(&self) -> [u8; 32] {
        H::new("bt/ledger-head/1")
            .part(self.day.to_string().as_bytes())
            .part(&self.size.to_be_bytes())
            .part(self.hash.as_bytes())
            .part(&self.witnessed.to_be_bytes())
            .part(self.witnessed_hash.as_bytes())
            .finish()
    }
}

impl LedgerHead {
    /// What it says.
    pub fn body(&self) -> HeadBody {
        HeadBody {
            day: self.day,
            size: self.size,
            hash: self.hash,
            witnessed: self.witnessed,
            witnessed_hash: self.witnessed_hash,
        }
    }

    /// Whether the key with these bytes signed it.
    pub fn is_signed_by(&self, public_key: &Fixed<32>) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(self.signature.as_bytes());
        let key = VerifyingKey::from_bytes(public_key.as_bytes());
        self.public_key == *public_key
            && key.is_ok_and(|key| {
                key.verify_strict(&self.body().signed_bytes(), &signature)
                    .is_ok()
            })
    }
}

/// The key that signs heads. It is read from a file and never stored.
#[derive(Clone)]
pub struct HeadKey(SigningKey);

impl HeadKey {
    /// Reads the key from a file: 32 bytes in base64.
    pub fn read(file: &SecretFile) -> Result<Self, SecretError> {
        Ok(Self::from_bytes(&*file.read_key()?))
    }

    /// The key with these 32 secret bytes.
    pub fn from_bytes(secret: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(secret))
    }

    /// The public half.
    pub fn public_key(&self) -> Fixed<32> {
        Fixed(self.0.verifying_key().to_bytes())
    }

    /// Signs a head.
    pub fn sign(&self, body: HeadBody) -> LedgerHead {
        let signature = self.0.sign(&body.signed_bytes());
        LedgerHead {
            day: body.day,
            size: body.size,
            hash: body.hash,
            witnessed: body.witnessed,
            witnessed_hash: body.witnessed_hash,
            public_key: self.public_key(),
            signature: Fixed(signature.to_bytes()),
        }
    }
}

/// Shows the public half only.
impl fmt::Debug for HeadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeadKey({})", self.public_key())
    }
}

/// The hash of the chain of witnessed heads with `head` at its end.
pub fn witness_hash(previous: &Fixed<32>, head: &directory::Head) -> Fixed<32> {
    let hash = H::new("bt/witness/1")
        .part(previous.as_bytes())
        .part(head.day.to_string().as_bytes())
        .part(&head.size.to_be_bytes())
        .part(head.hash.as_bytes())
        .part(head.signature.as_bytes());
    Fixed(hash.finish())
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    fn sha256(parts: &[&[u8]]) -> [u8; 32] {
        Sha256::digest(parts.concat()).into()
    }

    #[test]
    fn a_head_is_valid_only_as_it_was_signed_and_by_whom() {
        let key = HeadKey::from_bytes(&[3; 32]);
        let head = key.sign(HeadBody {
            day: "2026-01-31".parse().unwrap(),
            size: 7,
            hash: Fixed([1; 32]),
            witnessed: 2,
            witnessed_hash: Fixed([2; 32]),
        });
        assert!(head.is_signed_by(&key.public_key()));
        assert!(!head.is_signed_by(&Fixed([4; 32])));

        let changes: [fn(&mut LedgerHead); 5] = [
            |it| it.day = it.day.succ_opt().unwrap(),
            |it| it.size += 1,
            |it| it.hash = Fixed([9; 32]),
            |it| it.witnessed += 1,
            |it| it.witnessed_hash = Fixed([9; 32]),
        ];
        for change in changes {
            let mut other = head.clone();
            change(&mut other);
            assert!(!other.is_signed_by(&key.public_key()));
        }
    }

    #[test]
    fn a_head_is_signed_over_the_hash_of_these_bytes() {
        let key = HeadKey::from_bytes(&[3; 32]);
        let expected = sha256(&[
            b"\0\0\0\x10bt/ledger-head/1\0\0\0\x0a2026-01-31\0\0\0\x08\0\0\0\0\0\0\0\x07",
            b"\0\0\0\x20",
            &[1; 32],
            b"\0\0\0\x08\0\0\0\0\0\0\0\x02\0\0\0\x20",
            &[2; 32],
        ]);

        let head = key.sign(HeadBody {
            day: "2026-01-31".parse().unwrap(),
            size: 7,
            hash: Fixed([1; 32]),
            witnessed: 2,
            witnessed_hash: Fixed([2; 32]),
        });

        assert_eq!(head.signature, Fixed(key.0.sign(&expected).to_bytes()));
    }

    #[test]
    fn the_chain_of_witnessed_heads_is_hashed_over_these_bytes() {
        let expected = sha256(&[
            b"\0\0\0\x0cbt/witness/1\0\0\0\x20",
            &[1; 32],
            b"\0\0\0\x0a2026-01-31\0\0\0\x08\0\0\0\0\0\0\0\x07\0\0\0\x20",
            &[2; 32],
            b"\0\0\0\x40",
            &[4; 64],
        ]);

        let head = directory::Head {
            day: "2026-01-31".parse().unwrap(),
            size: 7,
            hash: Fixed([2; 32]),
            signature: Fixed([4; 64]),
        };

        assert_eq!(witness_hash(&Fixed([1; 32]), &head), Fixed(expected));
    }

    #[test]
    fn debug_shows_no_secret_byte() {
        let key = HeadKey::from_bytes(&[3; 32]);

        let shown = format!("{key:?}");

        assert!(shown.contains(&key.public_key().to_string()));
        assert!(!shown.contains(&Fixed([3_u8; 32]).to_string()));
        assert!(!shown.contains("3, 3, 3"));
    }
}
