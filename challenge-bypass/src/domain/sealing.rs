//! Signing keys at rest: sealed with XChaCha20-Poly1305 under a key that is not in the database.
//!
//! Everything public about a key is sealed in as associated data, so a sealed key that is moved to
//! another row, or whose dates or issuer were changed, does not open (threats T2, T9 and T15).

use std::fmt;

use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use challenge_bypass_ristretto::voprf::SigningKey;
use messages::digest::H;
use rand::{CryptoRng, RngCore};
use zeroize::Zeroizing;

use super::KeyFacts;

/// Names a key-encryption key: the first 8 bytes of `H("bt/sealing-key/1", key)`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct SealingKeyId(pub [u8; 8]);

/// A key-encryption key. It is wiped when it is dropped.
#[derive(Clone)]
pub struct SealingKey {
    id: SealingKeyId,
    cipher: XChaCha20Poly1305,
}

/// Bytes that are no key-encryption key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a key-encryption key has 32 random bytes")]
pub struct SealingKeyError;

impl SealingKey {
    /// Takes the 32 bytes of a key-encryption key. 32 times the same byte is a mistake, not a key.
    pub fn new(bytes: &[u8]) -> Result<Self, SealingKeyError> {
        let bytes: &[u8; 32] = bytes.try_into().map_err(|_| SealingKeyError)?;
        if bytes.iter().all(|byte| Some(byte) == bytes.first()) {
            return Err(SealingKeyError);
        }
        let digest = H::new("bt/sealing-key/1").part(bytes).finish();
        let (id, _) = digest.split_first_chunk::<8>().expect("32 bytes hold 8");
        Ok(Self {
            id: SealingKeyId(*id),
            cipher: XChaCha20Poly1305::new(bytes.into()),
        })
    }

    /// Its id.
    pub fn id(&self) -> SealingKeyId {
        self.id
    }
}

/// Shows the id and never the key.
impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

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
    /// What `XChaCha20` takes.
    pub const NONCE_BYTES: usize = 24;
    /// A scalar of 32 bytes and a tag of 16.
    pub const CIPHERTEXT_BYTES: usize = 48;
}

/// Why a sealed key does not open.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OpenError {
    /// It, or what stands beside it, is not what was sealed.
    #[error("the sealed key, or what stands beside it, was altered")]
    Altered,
    /// It opened, and belongs to another public key.
    #[error("the sealed key does not belong to the public key beside it")]
    OtherKey,
    /// It is sealed under a key-encryption key that is not configured.
    #[error("the key-encryption key {} is not configured", hex::encode(.0.0))]
    UnknownSealingKey(SealingKeyId),
}

/// The key-encryption keys: one seals, and it and the older ones open.
#[derive(Clone, Debug)]
pub struct Sealer {
    current: SealingKey,
    older: Vec<SealingKey>,
}

impl Sealer {
    /// Seals under `current`, and opens what `older` ones sealed.
    pub fn new(current: SealingKey, older: Vec<SealingKey>) -> Self {
        Self { current, older }
    }

    /// Whether `sealed` is sealed under the current key-encryption key.
    pub fn is_current(&self, sealed: &SealedKey) -> bool {
        sealed.sealing_key == self.current.id
    }

    /// Seals the secret of a key.
    pub fn seal(
        &self,
        secret: &SigningKey,
        facts: &KeyFacts,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> SealedKey {
        let mut nonce = [0; SealedKey::NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let scalar = Zeroizing::new(secret.to_bytes());
        let payload = Payload {
            msg: scalar.as_slice(),
            aad: &associated_data(self.current.id, facts),
        };
        let ciphertext = self
            .current
            .cipher
            .encrypt(XNonce::from_slice(&nonce), payload)
            .expect("32 bytes are far below the cipher's limit");
        SealedKey {
            sealing_key: self.current.id,
            nonce,
            ciphertext: ciphertext
                .try_into()
                .expect("the tag of this cipher has 16 bytes"),
        }
    }

    /// Opens a sealed key, if it is the key that `facts` describe.
    pub fn open(&self, sealed: &SealedKey, facts: &KeyFacts) -> Result<SigningKey, OpenError> {
        let key = std::iter::once(&self.current)
            .chain(&self.older)
            .find(|key| key.id == sealed.sealing_key)
            .ok_or(OpenError::UnknownSealingKey(sealed.sealing_key))?;
        let payload = Payload {
            msg: &sealed.ciphertext,
            aad: &associated_data(key.id, facts),
        };
        let scalar = key
            .cipher
            .decrypt(XNonce::from_slice(&sealed.nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| OpenError::Altered)?;
        let secret = SigningKey::from_bytes(&scalar).map_err(|_| OpenError::Altered)?;
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
