//! What is known about tokens that somebody wants to spend, and what follows from it.

use messages::{challenge_bypass::RedemptionOutcome, encoding::Fixed};

use super::Claim;

/// Names a token in the registry: `H("bt/spent/1", t)`.
pub type SpentId = Fixed<32>;

/// What a token was spent on: `H("bt/bind/1", t, R)`, with the request digest R.
///
/// The preimage stands in front: a payload on its own could be guessed from its digest.
pub type Binding = Fixed<32>;

/// A token with what it is to be spent on.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct SpentToken {
    /// Which token.
    pub id: SpentId,
    /// What on.
    pub binding: Binding,
}

/// What the registry knows about a claim.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Found {
    /// For each of the claim's tokens, in its order, what it was spent on.
    pub bindings: Vec<Option<Binding>>,
    /// Tokens of this key that are redeemed by now.
    pub redeemed_total: u64,
}

impl Found {
    /// What is known about `tokens` tokens when none is spent.
    pub fn nothing(tokens: usize) -> Self {
        Self {
            bindings: vec![None; tokens],
            redeemed_total: 0,
        }
    }
}

/// What follows from what is known about a claim's tokens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Judgement {
    /// A token was spent in another request.
    Conflict,
    /// No token was spent.
    Fresh,
    /// This very request had spent them all.
    Replay,
}

/// Judges a claim as a whole, never token by token (threat T7): a subset, superset or union of spent
/// tokens is another request, and is refused.
pub fn judge(claim: &Claim, found: &[Option<Binding>]) -> Judgement {
    let tokens = claim.tokens();
    if found.len() == tokens.len() && found.iter().all(Option::is_none) {
        return Judgement::Fresh;
    }
    let same = tokens
        .iter()
        .zip(found)
        .all(|(token, found)| *found == Some(token.binding));
    if same && found.len() == tokens.len() {
        Judgement::Replay
    } else {
        Judgement::Conflict
    }
}

/// Whether a registry that counts `redeemed` is not older than what a caller has seen.
pub fn knows_enough(redeemed: u64, at_least: u64) -> bool {
    redeemed >= at_least
}

/// What became of a checked redemption.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum Spend {
    /// It shares a token with an earlier one of the same batch: ask again when that is written.
    Again,
    /// The registry is older than what the caller has seen. Nothing was written.
    Behind,
    /// A token was spent in another request. Nothing was written.
    Conflict,
    /// The tokens are spent now.
    First {
        /// Tokens of this key that are redeemed by now.
        redeemed_total: u64,
    },
    /// More tokens would be redeemed than were signed. Nothing was written.
    Inconsistent,
    /// This very request had spent them.
    Replay {
        /// Tokens of this key that are redeemed by now.
        redeemed_total: u64,
    },
    /// The key was revoked meanwhile. Nothing was written.
    Revoked,
}

impl Spend {
    /// The outcome and the total of the key, when the tokens are spent on this request.
    pub fn accepted(self) -> Option<(RedemptionOutcome, u64)> {
        match self {
            Self::First { redeemed_total } => Some((RedemptionOutcome::First, redeemed_total)),
            Self::Replay { redeemed_total } => Some((RedemptionOutcome::Replay, redeemed_total)),
            Self::Again | Self::Behind | Self::Conflict | Self::Inconsistent | Self::Revoked => {
                None
            }
        }
    }
}
