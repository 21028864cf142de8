//! Secrets at rest: sealed with XChaCha20-Poly1305 under a key that is not in the database.
//!
//! What stands beside a secret in the database is sealed in as a digest: moved to another row, or with another fact
//! beside it, it does not open (threat T15).

use std::fmt;

use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use messages::digest::H;
use rand::{CryptoRng, RngCore};
use zeroize::Zeroizing;

use crate::secret::{SecretError, SecretFile};

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

/// A secret as it is stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sealed {
    /// What it is sealed under.
    pub sealing_key: SealingKeyId,
    /// Random, and new each time that the secret is sealed.
    pub nonce: [u8; Self::NONCE_BYTES],
    /// The secret, and a tag of 16 bytes.
    pub ciphertext: Vec<u8>,
}

impl Sealed {
    /// What `XChaCha20` takes.
    pub const NONCE_BYTES: usize = 24;
    /// What the cipher adds to a secret.
    pub const TAG_BYTES: usize = 16;
    /// What [`to_bytes`](Self::to_bytes) adds to a secret.
    pub const OVERHEAD_BYTES: usize = 8 + Self::NONCE_BYTES + Self::TAG_BYTES;

    /// The id of the key, the nonce and the ciphertext, for a column that holds them all.
    pub fn to_bytes(&self) -> Vec<u8> {
        [&self.sealing_key.0, self.nonce.as_slice(), &self.ciphertext].concat()
    }

    /// What [`to_bytes`](Self::to_bytes) wrote. `None`: there are too few bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (key, rest) = bytes.split_first_chunk()?;
        let (nonce, ciphertext) = rest.split_first_chunk()?;
        Some(Self {
            sealing_key: SealingKeyId(*key),
            nonce: *nonce,
            ciphertext: ciphertext.to_vec(),
        })
    }
}

/// Why a sealed secret does not open.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OpenError {
    /// It, or what stands beside it, is not what was sealed.
    #[error("the sealed key, or what stands beside it, was altered")]
    Altered,
    /// It is sealed under a key-encryption key that is not configured.
    #[error("the key-encryption key {} is not configured", hex::encode(.0.0))]
    UnknownSealingKey(SealingKeyId),
}

/// Why there are no key-encryption keys.
#[derive(Debug, thiserror::Error)]
pub enum SealerError {
    /// A file holds no such key.
    #[error(transparent)]
    Key(#[from] SealingKeyError),
    /// A file cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
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

    /// The keys in these files.
    pub fn read(current: &SecretFile, older: &[SecretFile]) -> Result<Self, SealerError> {
        let read = |file: &SecretFile| -> Result<SealingKey, SealerError> {
            Ok(SealingKey::new(file.read_key()?.as_slice())?)
        };
        let older = older.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self::new(read(current)?, older))
    }

    /// The id of the key that seals.
    pub fn current(&self) -> SealingKeyId {
        self.current.id
    }

    /// Seals `secret`. `beside` is a digest of all that stands beside it, the id of the sealing key too.
    pub fn seal(
        &self,
        secret: &[u8],
        beside: impl FnOnce(SealingKeyId) -> [u8; 32],
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Sealed {
        let mut nonce = [0; Sealed::NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let payload = Payload {
            msg: secret,
            aad: &beside(self.current.id),
        };
        let ciphertext = self
            .current
            .cipher
            .encrypt(XNonce::from_slice(&nonce), payload)
            .expect("a secret is far below the cipher's limit");
        Sealed {
            sealing_key: self.current.id,
            nonce,
            ciphertext,
        }
    }

    /// Opens what was sealed with the same things beside it.
    pub fn open(
        &self,
        sealed: &Sealed,
        beside: impl FnOnce(SealingKeyId) -> [u8; 32],
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let key = std::iter::once(&self.current)
            .chain(&self.older)
            .find(|key| key.id == sealed.sealing_key)
            .ok_or(OpenError::UnknownSealingKey(sealed.sealing_key))?;
        let payload = Payload {
            msg: &sealed.ciphertext,
            aad: &beside(key.id),
        };
        key.cipher
            .decrypt(XNonce::from_slice(&sealed.nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| OpenError::Altered)
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng as _, rngs::StdRng};

    use super::*;

    fn sealer(first_byte: u8) -> Sealer {
        let mut key = [7; 32];
        key[0] = first_byte;
        Sealer::new(SealingKey::new(&key).unwrap(), vec![])
    }

    fn beside(fact: u8) -> impl Fn(SealingKeyId) -> [u8; 32] {
        move |key| H::new("bt/test/1").part(&key.0).part(&[fact]).finish()
    }

    #[test]
    fn what_is_sealed_opens_only_beside_what_it_was_sealed_with() {
        let mut rng = StdRng::seed_from_u64(1);
        let sealed = sealer(1).seal(b"secret", beside(1), &mut rng);
        assert_eq!(sealed.ciphertext.len(), 6 + Sealed::TAG_BYTES);

        let opened = |fact| sealer(1).open(&sealed, beside(fact));

        assert_eq!(opened(1).unwrap().as_slice(), b"secret");
        assert_eq!(opened(2).unwrap_err(), OpenError::Altered);
        let again = sealer(1).seal(b"secret", beside(1), &mut rng);
        assert_ne!(again.nonce, sealed.nonce);
        let bytes = sealed.to_bytes();
        assert_eq!(bytes.len(), 6 + Sealed::OVERHEAD_BYTES);
        assert_eq!(Sealed::from_bytes(&bytes), Some(sealed));
        assert_eq!(Sealed::from_bytes(&bytes[..31]), None);
    }

    #[test]
    fn older_keys_open_and_do_not_seal() {
        let mut rng = StdRng::seed_from_u64(2);
        let (old, new) = (sealer(1), sealer(2));
        let sealed = old.seal(b"secret", beside(1), &mut rng);

        let unknown = new.open(&sealed, beside(1)).unwrap_err();
        assert_eq!(unknown, OpenError::UnknownSealingKey(old.current()));
        let both = Sealer::new(new.current.clone(), vec![old.current.clone()]);
        assert!(both.open(&sealed, beside(1)).is_ok());
        let sealed = both.seal(b"secret", beside(1), &mut rng);
        assert_eq!(sealed.sealing_key, new.current());
    }

    #[test]
    fn keys_are_read_from_their_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name| SecretFile::new(folder.path().join(name));
        for name in ["new", "old"] {
            file(name).create_key().unwrap();
        }

        let old = Sealer::read(&file("old"), &[]).unwrap();
        let both = Sealer::read(&file("new"), &[file("old")]).unwrap();

        let sealed = old.seal(b"secret", beside(1), &mut StdRng::seed_from_u64(3));
        assert!(both.open(&sealed, beside(1)).is_ok());
        assert!(Sealer::read(&file("new"), &[file("none")]).is_err());
    }
}
