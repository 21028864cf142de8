//! Signing keys at rest: sealed ([`service_kit::sealing`]) under a key that is not in the database.
//!
//! Everything public about a key is sealed in as associated data, so a sealed key that is moved to
//! another row, or whose dates or issuer were changed, does not open (threats T2, T9 and T15).

use challenge_bypass_ristretto::voprf::SigningKey;
use messages::digest::H;
use rand::{CryptoRng, RngCore};
use service_kit::sealing::{self, Sealed};
use zeroize::Zeroizing;

use super::KeyFacts;

pub use service_kit::sealing::{SealingKey, SealingKeyError, SealingKeyId};

/// A signing key as it is stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SealedKey {
    /// What it is sealed under.
    pub sealing_key: SealingKeyId,
    /// Random, and new each time that the key is sealed.
    pub nonce: [u8; Self::NONCE_BYTES],
    /// The scalar and its tag.
    pub ciphertext: [u8; Self::CIPHERTEXT_BYTES],
}

impl SealedKey {
    /// What the cipher takes.
    pub const NONCE_BYTES: usize = Sealed::NONCE_BYTES;
    /// A scalar and the cipher's tag.
    pub const CIPHERTEXT_BYTES: usize = 32 + Sealed::TAG_BYTES;
}

/// Why a sealed key does not open.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OpenError {
    /// It opened, and belongs to another public key.
    #[error("the sealed key does not belong to the public key beside it")]
    OtherKey,
    /// It was altered, or is sealed under a key-encryption key that is not configured.
    #[error(transparent)]
    Sealed(#[from] sealing::OpenError),
}

/// The key-encryption keys: one seals, and it and the older ones open.
#[derive(Clone, Debug)]
pub struct Sealer(pub sealing::Sealer);

impl Sealer {
    /// Whether `sealed` is sealed under the current key-encryption key.
    pub fn is_current(&self, sealed: &SealedKey) -> bool {
        sealed.sealing_key == self.0.current()
    }

    /// Seals the secret of a key.
    pub fn seal(
        &self,
        secret: &SigningKey,
        facts: &KeyFacts,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> SealedKey {
        let scalar = Zeroizing::new(secret.to_bytes());
        let beside = |key| associated_data(key, facts);
        let sealed = self.0.seal(scalar.as_slice(), beside, rng);
        SealedKey {
            sealing_key: sealed.sealing_key,
            nonce: sealed.nonce,
            ciphertext: sealed
                .ciphertext
                .try_into()
                .expect("a scalar has 32 bytes and the tag of this cipher 16"),
        }
    }

    /// Opens a sealed key, if it is the key that `facts` describe.
    pub fn open(&self, sealed: &SealedKey, facts: &KeyFacts) -> Result<SigningKey, OpenError> {
        let sealed = Sealed {
            sealing_key: sealed.sealing_key,
            nonce: sealed.nonce,
            ciphertext: sealed.ciphertext.to_vec(),
        };
        let scalar = self.0.open(&sealed, |key| associated_data(key, facts))?;
        let altered = |_| sealing::OpenError::Altered;
        let secret = SigningKey::from_bytes(&scalar).map_err(altered)?;
        // k·G is computed by `from_bytes`; a key that was sealed with the wrong facts stops here.
        if secret.public_key.to_bytes() == *facts.public_key.as_bytes() {
            Ok(secret)
        } else {
            Err(OpenError::OtherKey)
        }
    }
}

fn associated_data(sealing_key: SealingKeyId, facts: &KeyFacts) -> [u8; 32] {
    let window = &facts.window;
    H::new("bt/sealed-key/1")
        .part(&sealing_key.0)
        .part(facts.issuer.as_str().as_bytes())
        .part(facts.funding_source.as_str().as_bytes())
        .part(facts.derivation.as_str().as_bytes())
        .part(&window.sign_from.timestamp().to_be_bytes())
        .part(&window.sign_until.timestamp().to_be_bytes())
        .part(&window.redeem_until.timestamp().to_be_bytes())
        .part(facts.public_key.as_bytes())
        .finish()
}

#[cfg(test)]
mod tests;
