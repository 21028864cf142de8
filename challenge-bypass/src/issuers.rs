//! Issuers and the life of their keys.

use std::sync::Arc;

use challenge_bypass_ristretto::voprf::SigningKey;
use clock::Clock;
use messages::{KeyId, encoding::Fixed};
use rand::rngs::OsRng;

use crate::{
    Error,
    domain::{Issuer, IssuerKey, IssuerName, KeyFacts, KeyWindow, NewKey, Rotation, RotationRule},
    keyring::Keyring,
    store::{Added, Created, Store},
};

/// Adds issuers, and adds and revokes their keys.
#[derive(Clone)]
pub struct Issuers {
    /// Where they are kept.
    pub store: Arc<dyn Store>,
    /// The opened keys.
    pub keyring: Arc<Keyring>,
    /// When keys are added.
    pub rotation: Rotation,
    /// The calendar.
    pub clock: Clock,
}

impl std::fmt::Debug for Issuers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuers").finish_non_exhaustive()
    }
}

impl Issuers {
    /// The issuer of this name, with its keys.
    pub async fn get(&self, name: &IssuerName) -> Result<(Issuer, Vec<IssuerKey>), Error> {
        self.store.issuer(name).await?.ok_or(Error::UnknownIssuer)
    }

    /// Adds an issuer with its first key. Says whether it is new; refuses other terms than it has.
    pub async fn put(&self, issuer: &Issuer) -> Result<bool, Error> {
        let existing = if let Some((existing, _)) = self.store.issuer(&issuer.name).await? {
            existing
        } else {
            let first = self
                .rotation
                .next(&issuer.terms, &[], self.clock.now(), RotationRule::Now)
                .expect("an issuer without keys needs one");
            let key = self.new_key(issuer, first);
            match self.store.create_issuer(issuer, &key).await? {
                Created::Exists(existing) => existing,
                Created::New => return Ok(true),
            }
        };
        if existing == *issuer {
            Ok(false)
        } else {
            Err(Error::IssuerExists)
        }
    }

    /// Adds the issuer's next key, if `rule` wants one. Nothing becomes invalid.
    pub async fn rotate(&self, name: &IssuerName, rule: RotationRule) -> Result<(), Error> {
        let (issuer, keys) = self.get(name).await?;
        let now = self.clock.now();
        let Some(window) = self.rotation.next(&issuer.terms, &keys, now, rule) else {
            return Ok(());
        };
        match self.store.add_key(&self.new_key(&issuer, window)).await? {
            Added::New => tracing::info!(issuer = %name, "a key was added"),
            // Somebody else rotated at the same time: then the key is there.
            Added::Overlaps => {}
        }
        Ok(())
    }

    /// Adds the next key of every issuer that needs one.
    pub async fn rotate_all(&self) -> Result<(), Error> {
        for issuer in self.store.issuers().await? {
            self.rotate(&issuer.name, RotationRule::WhenDue).await?;
        }
        Ok(())
    }

    /// Revokes a key, at once and for ever, and announces the next one if there is none.
    pub async fn revoke(&self, key: KeyId) -> Result<(), Error> {
        let name = self
            .store
            .revoke_key(key)
            .await?
            .ok_or(Error::UnknownKeyId)?;
        self.keyring.forget(key);
        tracing::warn!(issuer = %name, key = %key, "a key was revoked");
        self.rotate(&name, RotationRule::WhenDue).await
    }

    fn new_key(&self, issuer: &Issuer, window: KeyWindow) -> NewKey {
        let secret = SigningKey::random(&mut OsRng);
        let facts = KeyFacts {
            issuer: issuer.name.clone(),
            funding_source: issuer.terms.funding_source,
            derivation: issuer.terms.derivation,
            window,
            public_key: Fixed(secret.public_key.to_bytes()),
        };
        let sealed = self.keyring.sealer().seal(&secret, &facts, &mut OsRng);
        NewKey { facts, sealed }
    }
}
