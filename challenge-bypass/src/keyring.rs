//! The opened signing keys, in memory.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use challenge_bypass_ristretto::voprf::SigningKey;
use chrono::{DateTime, Utc};
use messages::{KeyId, PublicKey};

use crate::{
    Error,
    domain::{IssuerName, KeyFacts, OpenError, Sealer},
    store::{Store, StoreError, StoredKey},
};

/// A key as requests use it. Its secret is wiped when the last of them lets go of it.
pub struct OpenKey {
    /// Its id.
    pub id: KeyId,
    /// What never changes.
    pub facts: KeyFacts,
    revoked: bool,
    secret: Option<Arc<SigningKey>>,
}

impl OpenKey {
    /// The secret, unless the key was revoked, redeems no more, or [lost it](Self::lost_its_secret).
    pub fn secret(&self) -> Option<&Arc<SigningKey>> {
        self.secret.as_ref()
    }

    /// Whether the secret is gone that the key should have at `time`: the database is not what it was.
    pub fn lost_its_secret(&self, time: DateTime<Utc>) -> bool {
        self.secret.is_none() && !self.revoked && self.facts.window.redeems_at(time)
    }
}

/// Shows what is public.
impl fmt::Debug for OpenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A sealed key that does not open when the service starts.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// Something is wrong with a key.
    #[error("the key {0}")]
    Sealed(KeyId, #[source] OpenError),
    /// The keys cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Opens keys once and keeps them. Whether a key is revoked is never decided here: the transactions
/// that count and spend read it.
pub struct Keyring {
    keys: RwLock<HashMap<KeyId, Arc<OpenKey>>>,
    /// The key that each issuer signed with last.
    signing: RwLock<HashMap<IssuerName, Arc<OpenKey>>>,
    store: Arc<dyn Store>,
    sealer: Sealer,
}

impl Keyring {
    /// Opens every key that has a secret: a service that could not is better not started.
    pub async fn open(store: Arc<dyn Store>, sealer: Sealer) -> Result<Self, KeyringError> {
        let mut keys = HashMap::new();
        for stored in store.secrets().await? {
            let id = stored.facts.id();
            let key = open(stored, &sealer).map_err(|error| KeyringError::Sealed(id, error))?;
            keys.insert(id, Arc::new(key));
        }
        Ok(Self {
            keys: RwLock::new(keys),
            signing: RwLock::default(),
            store,
            sealer,
        })
    }

    /// What seals new keys.
    pub fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// The key with this public key.
    pub async fn by_public_key(&self, public_key: &PublicKey) -> Result<Arc<OpenKey>, Error> {
        let key = self.by_id(KeyId::of(public_key)).await?;
        let same = key
            .as_ref()
            .filter(|key| key.facts.public_key == *public_key);
        same.cloned().ok_or(Error::UnknownKey)
    }

    /// The key of this id.
    pub async fn by_id(&self, id: KeyId) -> Result<Option<Arc<OpenKey>>, Error> {
        if let Some(key) = self.cached(id) {
            return Ok(Some(key));
        }
        let Some(stored) = self.store.key(id).await? else {
            return Ok(None);
        };
        let key = Arc::new(open(stored, &self.sealer)?);
        // A key that has no secret may be revoked by another process, or get its secret back.
        if key.secret.is_none() {
            return Ok(Some(key));
        }
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.insert(id, Arc::clone(&key));
        Ok(Some(key))
    }

    /// The key that `issuer` signs with at `time`, when that is known without asking the store.
    ///
    /// It stays right for as long as its window says: the windows of an issuer's keys do not
    /// overlap, and never change. A key that was revoked meanwhile is refused where its signatures
    /// are counted.
    pub fn signing(&self, issuer: &IssuerName, time: DateTime<Utc>) -> Option<Arc<OpenKey>> {
        let signing = self.signing.read().unwrap_or_else(PoisonError::into_inner);
        let key = signing.get(issuer)?;
        key.facts.window.signs_at(time).then(|| Arc::clone(key))
    }

    /// Remembers the key that its issuer signs with.
    pub fn remember_signing(&self, key: &Arc<OpenKey>) {
        let mut signing = self.signing.write().unwrap_or_else(PoisonError::into_inner);
        signing.insert(key.facts.issuer.clone(), Arc::clone(key));
    }

    /// Lets go of a key: the next request reads again what is stored.
    pub fn forget(&self, id: KeyId) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.remove(&id);
        let mut signing = self.signing.write().unwrap_or_else(PoisonError::into_inner);
        signing.retain(|_, key| key.id != id);
    }

    /// Lets go of the keys that redeemed until before `time`.
    pub fn forget_ended(&self, time: DateTime<Utc>) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.retain(|_, key| key.facts.window.redeem_until >= time);
        let mut signing = self.signing.write().unwrap_or_else(PoisonError::into_inner);
        signing.retain(|_, key| key.facts.window.redeem_until >= time);
    }

    fn cached(&self, id: KeyId) -> Option<Arc<OpenKey>> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.get(&id).cloned()
    }
}

fn open(stored: StoredKey, sealer: &Sealer) -> Result<OpenKey, OpenError> {
    let secret = stored
        .sealed
        .filter(|_| !stored.revoked)
        .map(|sealed| sealer.open(&sealed, &stored.facts))
        .transpose()?;
    Ok(OpenKey {
        id: stored.facts.id(),
        facts: stored.facts,
        revoked: stored.revoked,
        secret: secret.map(Arc::new),
    })
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use messages::{FundingSource, challenge_bypass::Derivation, encoding::Fixed};
    use rand::{SeedableRng as _, rngs::StdRng};

    use super::*;
    use crate::domain::KeyWindow;

    #[test]
    fn debug_of_an_opened_key_shows_its_id_and_no_secret() {
        let secret = SigningKey::random(&mut StdRng::seed_from_u64(1));
        let now = DateTime::UNIX_EPOCH;
        let facts = KeyFacts {
            issuer: "a".parse().unwrap(),
            funding_source: FundingSource::UserWallet,
            derivation: Derivation::Rfc9497,
            window: KeyWindow {
                sign_from: now,
                sign_until: now + TimeDelta::days(30),
                redeem_until: now + TimeDelta::days(60),
            },
            public_key: Fixed(secret.public_key.to_bytes()),
        };
        let id = facts.id();
        let key = OpenKey {
            id,
            facts,
            revoked: false,
            secret: Some(Arc::new(secret)),
        };

        assert_eq!(format!("{key:?}"), format!("OpenKey {{ id: {id:?}, .. }}"));
    }
}
