//! What the cases start from.

use std::sync::Arc;

use challenge_bypass_ristretto::voprf::SigningKey;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use messages::{
    FundingSource, KeyId,
    challenge_bypass::{Derivation, RedemptionRequest as Body, RedemptionToken},
    encoding::Fixed,
};
use rand::rngs::OsRng;
use service_kit::sealing;

use crate::{
    domain::{
        Claim, Issuer, IssuerKey, KeyFacts, KeyWindow, NewKey, RedemptionLimits, RedemptionRequest,
        Sealer, SealingKey, Spend, Terms, VerifiedRedemption, request_digest,
    },
    store::{Created, Signing, Store},
};

pub(super) fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// So many days after the first.
pub(super) fn days(count: i64) -> DateTime<Utc> {
    time("2026-01-01T00:00:00Z") + TimeDelta::days(count)
}

pub(super) fn today() -> NaiveDate {
    days(5).date_naive()
}

pub(super) fn issuer(name: &str) -> Issuer {
    Issuer {
        name: name.parse().unwrap(),
        terms: Terms {
            funding_source: FundingSource::UserWallet,
            sku: "user-wallet-vote".to_owned(),
            price: "0.25".parse().unwrap(),
            currency: "BAT".to_owned(),
            key_period: "P30D".parse().unwrap(),
            redeemable_periods: 2,
            derivation: Derivation::Rfc9497,
        },
    }
}

pub(super) fn sealer() -> Sealer {
    let bytes: [u8; 32] = std::array::from_fn(|i| u8::try_from(i).unwrap());
    let key = SealingKey::new(&bytes).unwrap();
    Sealer(sealing::Sealer::new(key, vec![]))
}

pub(super) fn new_key(name: &str, sign_from: DateTime<Utc>) -> NewKey {
    let secret = SigningKey::random(&mut OsRng);
    let issuer = issuer(name);
    let facts = KeyFacts {
        window: KeyWindow::starting(sign_from, &issuer.terms),
        issuer: issuer.name,
        funding_source: issuer.terms.funding_source,
        derivation: issuer.terms.derivation,
        public_key: Fixed(secret.public_key.to_bytes()),
    };
    NewKey {
        sealed: sealer().seal(&secret, &facts, &mut OsRng),
        facts,
    }
}

/// An issuer with a key that signs from the first day on.
pub(super) async fn stored_issuer(store: &dyn Store, name: &str) -> KeyFacts {
    let first = new_key(name, days(0));
    let created = store.create_issuer(&issuer(name), &first).await.unwrap();
    assert_eq!(created, Created::New);
    first.facts
}

/// A key that has signed so many tokens.
pub(super) async fn signed(store: &dyn Store, name: &str, tokens: u64) -> KeyFacts {
    let facts = stored_issuer(store, name).await;
    count_first_signing(store, facts.id(), tokens).await;
    facts
}

/// Counts the request of [`signed`].
pub(super) async fn count_first_signing(store: &dyn Store, key: KeyId, tokens: u64) {
    let id = Fixed([0xEE; 32]);
    let signing = Signing { id, key, tokens };
    let _counted = store.count_signings(&[signing]).await.unwrap();
}

pub(super) async fn key(store: &dyn Store, id: KeyId) -> IssuerKey {
    for issuer in store.issuers().await.unwrap() {
        let (_, keys) = store.issuer(&issuer.name).await.unwrap().unwrap();
        if let Some(key) = keys.into_iter().find(|key| key.facts.id() == id) {
            return key;
        }
    }
    panic!("the key is there");
}

/// A redemption whose signatures were checked.
pub(super) fn redemption(key: &KeyFacts, payload: &str, tokens: &[u8]) -> VerifiedRedemption {
    redemption_that_knows(key, payload, tokens, 0)
}

pub(super) fn redemption_that_knows(
    key: &KeyFacts,
    payload: &str,
    tokens: &[u8],
    at_least: u64,
) -> VerifiedRedemption {
    let token = |byte: &u8| RedemptionToken {
        public_key: key.public_key,
        t: Fixed([*byte; 64]),
        signature: Fixed([0; 64]),
    };
    let body = Body {
        payload: payload.to_owned(),
        tokens: tokens.iter().map(token).collect(),
        replay_only: false,
        at_least,
    };
    let limits = RedemptionLimits {
        tokens_max: 400,
        payload_bytes_max: 1_024,
    };
    let request = RedemptionRequest::read(body, limits, request_digest).unwrap();
    let secret = SigningKey::random(&mut OsRng);
    request
        .verify(&secret, |_, _, _, _| true, &mut OsRng)
        .unwrap()
}

pub(super) async fn spend(store: &dyn Store, redemption: &VerifiedRedemption) -> Spend {
    spend_all(store, std::slice::from_ref(redemption)).await[0]
}

pub(super) async fn spend_all(store: &dyn Store, batch: &[VerifiedRedemption]) -> Vec<Spend> {
    let spends = store.spend(batch, today()).await.unwrap();
    assert_eq!(spends.len(), batch.len());
    spends
}

pub(super) fn claim(redemption: &VerifiedRedemption) -> Arc<Claim> {
    Arc::new(redemption.claim().clone())
}
