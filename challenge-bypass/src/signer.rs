//! Signing, from a request that was read to tokens that are signed and counted.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use clock::Clock;
use messages::{KeyId, SigningRequestId, challenge_bypass::SigningResponse};
use rand::rngs::OsRng;
use service_kit::{crypto::Pool, group::GroupError};

use crate::{
    Error, Rules,
    domain::{BlindedBatch, IssuerKey, IssuerName, SignedBatch},
    keyring::{Keyring, OpenKey},
    registry::Registry,
    store::{Counted, Signing, Store},
};

/// A request that was signed before under an older key is signed again with that key, and a key can
/// be revoked in between: three turns at most, unless keys are revoked faster than requests run.
const TURNS_MAX: usize = 4;

/// What signs.
#[derive(Clone)]
pub struct Signer {
    /// Where issuers and keys are kept.
    pub store: Arc<dyn Store>,
    /// The opened keys.
    pub keyring: Arc<Keyring>,
    /// Where signatures are counted.
    pub registry: Registry,
    /// Where curve arithmetic runs.
    pub pool: Pool,
    /// The decisions.
    pub rules: Rules,
    /// The calendar.
    pub clock: Clock,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").finish_non_exhaustive()
    }
}

impl Signer {
    /// Signs a batch. The answer leaves when it is counted, so that no more tokens of a key are in
    /// the world than its total says.
    ///
    /// A repeat is signed with the key that signed it first, and not counted again.
    pub async fn sign(
        &self,
        issuer: &IssuerName,
        request: &SigningRequestId,
        batch: BlindedBatch,
    ) -> Result<SigningResponse, Error> {
        let id = batch.signing_id(issuer, request);
        let batch = Arc::new(batch);
        let mut key = self.current_key(issuer).await?;
        for _ in 0..TURNS_MAX {
            let signed = self.with_key(&key, &batch).await?;
            self.rules.fault.at("sign")?;
            let signing = Signing {
                id,
                key: key.id,
                tokens: batch.count(),
            };
            let counted = self.registry.count(signing).await?;
            self.rules.fault.at("count")?;
            match counted {
                Counted::Now => return Ok(response(signed)),
                Counted::Before(before) if before == key.id => return Ok(response(signed)),
                Counted::Before(before) => key = self.key(before).await?,
                Counted::Inconsistent => return Err(Error::RegistryInconsistent),
                Counted::Revoked => {
                    self.keyring.forget(key.id);
                    key = self.current_key(issuer).await?;
                }
            }
        }
        Err(GroupError::Failed.into())
    }

    async fn with_key(
        &self,
        key: &OpenKey,
        batch: &Arc<BlindedBatch>,
    ) -> Result<SignedBatch, Error> {
        let secret = match key.secret() {
            Some(secret) => secret,
            None if key.lost_its_secret(self.clock.now()) => {
                return Err(Error::RegistryInconsistent);
            }
            None => return Err(Error::NoSigningKey),
        };
        let secret = (self.rules.signing_key)(secret);
        let (batch, accepts) = (Arc::clone(batch), self.rules.accepts_point);
        let signed = self
            .pool
            .run(move || batch.sign(&secret, accepts, &mut OsRng))
            .await?;
        Ok(signed?)
    }

    async fn current_key(&self, issuer: &IssuerName) -> Result<Arc<OpenKey>, Error> {
        let now = self.clock.now();
        if let Some(key) = self.keyring.signing(issuer, now) {
            return Ok(key);
        }
        let (_, keys) = self
            .store
            .issuer(issuer)
            .await?
            .ok_or(Error::UnknownIssuer)?;
        let key = signing_at(&keys, now).ok_or(Error::NoSigningKey)?;
        let key = self.key(key.facts.id()).await?;
        self.keyring.remember_signing(&key);
        Ok(key)
    }

    async fn key(&self, id: KeyId) -> Result<Arc<OpenKey>, Error> {
        self.keyring.by_id(id).await?.ok_or(Error::NoSigningKey)
    }
}

/// The key that signs at `time`.
fn signing_at(keys: &[IssuerKey], time: DateTime<Utc>) -> Option<&IssuerKey> {
    keys.iter()
        .find(|key| !key.revoked && key.facts.window.signs_at(time))
}

fn response(signed: SignedBatch) -> SigningResponse {
    SigningResponse {
        public_key: signed.public_key,
        signed_tokens: signed.tokens,
        batch_proof: signed.proof,
    }
}
