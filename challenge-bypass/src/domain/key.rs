//! Issuer keys: what is public about them.

use messages::{
    FundingSource, KeyId, PublicKey,
    challenge_bypass::{self as api, Derivation},
    directory::{CHAIN_START, Entry, Event, IssuerKeyEntry},
};

use super::{Issuer, IssuerName, KeyWindow, SealedKey};

/// What never changes about a key: all of it is sealed in with the secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyFacts {
    /// Whose key it is.
    pub issuer: IssuerName,
    /// Whose money its tokens stand for.
    pub funding_source: FundingSource,
    /// How its tokens are derived.
    pub derivation: Derivation,
    /// When it signs and redeems.
    pub window: KeyWindow,
    /// The public key, *kG*.
    pub public_key: PublicKey,
}

impl KeyFacts {
    /// What the directory says of a key. `None`: an issuer cannot have such a name.
    pub fn of_entry(entry: &IssuerKeyEntry) -> Option<Self> {
        Some(Self {
            issuer: entry.issuer.parse().ok()?,
            funding_source: entry.funding_source,
            derivation: entry.derivation,
            window: KeyWindow {
                sign_from: entry.sign_from,
                sign_until: entry.sign_until,
                redeem_until: entry.redeem_until,
            },
            public_key: entry.public_key,
        })
    }

    /// The key's id.
    pub fn id(&self) -> KeyId {
        KeyId::of(&self.public_key)
    }
}

/// A key and what it did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IssuerKey {
    /// What never changes.
    pub facts: KeyFacts,
    /// Whether it was revoked.
    pub revoked: bool,
    /// Tokens that it signed.
    pub signed_total: u64,
    /// Tokens of it that were redeemed.
    pub redeemed_total: u64,
}

impl From<IssuerKey> for api::IssuerKey {
    fn from(key: IssuerKey) -> Self {
        Self {
            key_id: key.facts.id(),
            public_key: key.facts.public_key,
            sign_from: key.facts.window.sign_from,
            sign_until: key.facts.window.sign_until,
            redeem_until: key.facts.window.redeem_until,
            revoked: key.revoked,
            signed_total: key.signed_total,
            redeemed_total: key.redeemed_total,
        }
    }
}

/// A key that is not stored yet.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// What never changes.
    pub facts: KeyFacts,
    /// Its sealed secret.
    pub sealed: SealedKey,
}

/// The directory's line about `event` of a key; its place and hash are set where it is appended.
pub fn directory_entry(issuer: &Issuer, facts: &KeyFacts, event: Event) -> Entry {
    Entry::IssuerKey(IssuerKeyEntry {
        index: 0,
        issuer: facts.issuer.to_string(),
        key_id: facts.id(),
        public_key: facts.public_key,
        derivation: facts.derivation,
        funding_source: facts.funding_source,
        base_vote_value: issuer.terms.price,
        sign_from: facts.window.sign_from,
        sign_until: facts.window.sign_until,
        redeem_until: facts.window.redeem_until,
        event,
        hash: CHAIN_START,
    })
}
