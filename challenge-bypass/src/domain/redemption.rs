//! A redemption, from what arrived to what the registry takes.

use std::{collections::HashSet, fmt, sync::Arc};

use challenge_bypass_ristretto::voprf::SigningKey;
use messages::{
    KeyId, Preimage, PublicKey, Signature,
    challenge_bypass::{self as api, RedemptionToken},
    digest::H,
    encoding::Fixed,
};
use rand::{RngCore, seq::SliceRandom as _};

use super::SpentToken;

/// What identifies a redemption, without anything that could be redeemed with: the key, and for
/// each token its name in the registry and what it is to be spent on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claim {
    key: KeyId,
    tokens: Box<[SpentToken]>,
    at_least: u64,
}

impl Claim {
    /// The key, which all tokens have in common.
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// The tokens, in the order of their names. Rows are written in this order, so that no two
    /// writers can wait for each other.
    pub fn tokens(&self) -> &[SpentToken] {
        &self.tokens
    }

    /// The highest redeemed total of this key that the caller has seen.
    pub fn at_least(&self) -> u64 {
        self.at_least
    }
}

/// The most that a redemption may contain.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RedemptionLimits {
    /// Tokens in one request.
    pub tokens_max: usize,
    /// Bytes of the payload.
    pub payload_bytes_max: usize,
}

/// Why a redemption is refused before any look-up.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidRedemption {
    /// A token stands in the request twice.
    #[error("a token stands in the request more than once")]
    Duplicate,
    /// The tokens are of different keys.
    #[error("the tokens are of different keys")]
    MixedKeys,
    /// The payload is empty or too long.
    #[error("a payload has 1 to {max} bytes")]
    Payload {
        /// The most that it may have.
        max: usize,
    },
    /// There are no tokens, or too many.
    #[error("a redemption has 1 to {max} tokens")]
    Tokens {
        /// The most that there may be.
        max: usize,
    },
}

/// A redemption as it arrived: well formed, of one key, all tokens different, otherwise unchecked.
#[derive(Clone)]
pub struct RedemptionRequest {
    claim: Arc<Claim>,
    public_key: PublicKey,
    payload: String,
    tokens: Vec<RedemptionToken>,
    replay_only: bool,
}

impl RedemptionRequest {
    /// Reads a request. `digest` makes R, the digest of the whole request.
    pub fn read(
        body: api::RedemptionRequest,
        limits: RedemptionLimits,
        digest: fn(KeyId, &str, &[RedemptionToken]) -> [u8; 32],
    ) -> Result<Self, InvalidRedemption> {
        let max = limits.tokens_max;
        let first = body.tokens.first();
        let public_key = first.ok_or(InvalidRedemption::Tokens { max })?.public_key;
        if body.tokens.len() > max {
            return Err(InvalidRedemption::Tokens { max });
        }
        if !(1..=limits.payload_bytes_max).contains(&body.payload.len()) {
            let max = limits.payload_bytes_max;
            return Err(InvalidRedemption::Payload { max });
        }
        if body
            .tokens
            .iter()
            .any(|token| token.public_key != public_key)
        {
            return Err(InvalidRedemption::MixedKeys);
        }
        let mut seen = HashSet::with_capacity(body.tokens.len());
        if !body.tokens.iter().all(|token| seen.insert(token.t)) {
            return Err(InvalidRedemption::Duplicate);
        }
        let key = KeyId::of(&public_key);
        let claim = Claim {
            key,
            tokens: bound(&body.tokens, &digest(key, &body.payload, &body.tokens)),
            at_least: body.at_least,
        };
        Ok(Self {
            claim: Arc::new(claim),
            public_key,
            payload: body.payload,
            tokens: body.tokens,
            replay_only: body.replay_only,
        })
    }

    /// What identifies this redemption.
    pub fn claim(&self) -> &Arc<Claim> {
        &self.claim
    }

    /// The key that all the tokens name.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Whether only a replay is wanted.
    pub fn replay_only(&self) -> bool {
        self.replay_only
    }

    /// Checks every signature with `check`, and is the only way to a [`VerifiedRedemption`].
    ///
    /// In random order, stopping at the first that fails: the time it takes tells nobody which one
    /// that was. This comes before anything is written: otherwise whoever learns a preimage could
    /// use up the token without being able to sign for it (threat T6).
    pub fn verify(
        &self,
        key: &SigningKey,
        check: fn(&SigningKey, &Preimage, &[u8], &Signature) -> bool,
        rng: &mut impl RngCore,
    ) -> Result<VerifiedRedemption, BadSignature> {
        let mut order: Vec<&RedemptionToken> = self.tokens.iter().collect();
        order.shuffle(rng);
        let payload = self.payload.as_bytes();
        if order
            .iter()
            .all(|token| check(key, &token.t, payload, &token.signature))
        {
            Ok(VerifiedRedemption(Arc::clone(&self.claim)))
        } else {
            Err(BadSignature)
        }
    }
}

/// Shows nothing: preimages, signatures and the payload are what must not reach a log.
impl fmt::Debug for RedemptionRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedemptionRequest(..)")
    }
}

/// A token's signature does not fit.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a token's signature does not fit its key and the payload")]
pub struct BadSignature;

/// A redemption whose every signature fits.
///
/// [`RedemptionRequest::verify`] is the only way to make one, and the registry takes nothing else: a
/// token cannot be marked as spent by a request that was not checked.
#[derive(Clone, Debug)]
pub struct VerifiedRedemption(Arc<Claim>);

impl VerifiedRedemption {
    /// What is to be spent, on what.
    pub fn claim(&self) -> &Claim {
        &self.0
    }
}

/// R of a `v4` request: `H("bt/redeem/1", api, payload, n, sorted (key id ‖ t))`.
pub fn request_digest(key: KeyId, payload: &str, tokens: &[RedemptionToken]) -> [u8; 32] {
    let count = u32::try_from(tokens.len()).expect("a request is bounded far below 2^32 tokens");
    let mut named: Vec<[&[u8]; 2]> = tokens
        .iter()
        .map(|token| [key.as_bytes().as_slice(), token.t.as_bytes()])
        .collect();
    named.sort_unstable();
    H::new("bt/redeem/1")
        .part(b"v4")
        .part(payload.as_bytes())
        .part(&count.to_be_bytes())
        .parts(named.iter().map(|parts| parts.concat()))
        .finish()
}

/// The tokens with their bindings to R, in the order of their names.
fn bound(tokens: &[RedemptionToken], request: &[u8; 32]) -> Box<[SpentToken]> {
    let mut spent: Vec<SpentToken> = tokens
        .iter()
        .map(|token| {
            let preimage = token.t.as_bytes();
            SpentToken {
                id: Fixed(H::new("bt/spent/1").part(preimage).finish()),
                binding: Fixed(H::new("bt/bind/1").part(preimage).part(request).finish()),
            }
        })
        .collect();
    spent.sort_unstable();
    spent.into_boxed_slice()
}

#[cfg(test)]
pub(crate) mod tests;
