//! What a browser that votes must not lose, on disk before it is acted on (see [`crate::kept`]).

use chrono::{DateTime, Utc};
use messages::{FundingSource, KeyId, PublicKey, money::Amount};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    directory::Memory,
    kept::Kept,
    payer::Draft,
    tokens::{Blinding, Unspent},
};

/// Everything a client remembers.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct State {
    /// What it saw of the key directory.
    pub directory: Memory,
    /// What it bought, or began to buy.
    pub purchases: Vec<Purchase>,
    /// Its votes, in the order in which they were made.
    pub votes: Vec<PreparedVote>,
}

/// A purchase of tokens.
#[derive(Debug, Deserialize, Serialize)]
pub struct Purchase {
    /// Whose money pays.
    pub source: FundingSource,
    /// The SKU token.
    pub sku: String,
    /// How many tokens.
    pub quantity: u32,
    /// In how many transfers.
    pub parts: u32,
    /// The user decided to vote with its tokens, however small their crowd is.
    pub vote_anyway: bool,
    /// How far it got.
    pub stage: Stage,
}

/// How far a purchase got.
#[derive(Deserialize, Serialize)]
pub enum Stage {
    /// The tokens are here, and on no vote yet.
    Holding {
        /// The key that signed them.
        key_id: KeyId,
        /// The key signs until then. A wallet that was written before this was kept has a time long past, so its
        /// votes leave from now on.
        #[serde(default)]
        sign_until: DateTime<Utc>,
        /// They are taken until then.
        redeem_until: DateTime<Utc>,
        /// The tokens.
        tokens: Vec<Unspent>,
    },
    /// The order is sent under this key until it is answered: a repeat makes no second order.
    Ordering {
        /// The idempotency key.
        idempotency_key: Uuid,
    },
    /// The order is being paid.
    Paying {
        /// The order.
        order: OrderRef,
        /// Its transfers, each written down before money moves.
        transfers: Vec<Draft>,
    },
    /// The order is paid, and these points are to be signed. No others ever are, for this order.
    Signing {
        /// The order.
        order: OrderRef,
        /// The tokens.
        blinding: Blinding,
        /// When their points were first sent.
        first_sent: Option<DateTime<Utc>>,
    },
    /// Every token is on a vote.
    Spent {
        /// The key that signed them.
        key_id: KeyId,
    },
}

/// Names the stage only: whoever has the idempotency key of an order is given its capability.
impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Holding { .. } => "Holding",
            Self::Ordering { .. } => "Ordering",
            Self::Paying { .. } => "Paying",
            Self::Signing { .. } => "Signing",
            Self::Spent { .. } => "Spent",
        })
    }
}

/// What a client needs to know of its order.
#[derive(Clone, Deserialize, Serialize)]
pub struct OrderRef {
    /// The order's id.
    pub id: Uuid,
    /// Its only item's id.
    pub item_id: Uuid,
    /// What allows to pay it and to have its tokens signed.
    pub capability: String,
    /// What is to be paid.
    pub total: Amount,
    /// In which currency.
    pub currency: String,
}

/// Shows the ids only.
impl std::fmt::Debug for OrderRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OrderRef")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A vote with its tokens, as it is sent, however often.
#[derive(Deserialize, Serialize)]
pub struct PreparedVote {
    /// When it is sent next.
    pub due: DateTime<Utc>,
    /// How often it was sent. After the first time it is repeated until it is settled.
    pub attempts: u32,
    /// Its tokens are taken until then.
    pub redeem_until: DateTime<Utc>,
    /// The key of its tokens.
    pub key: PublicKey,
    /// How many tokens it has.
    pub tokens: usize,
    /// The request's body, byte for byte; forgotten when the vote is settled.
    pub body: String,
    /// What became of it.
    pub outcome: Option<Outcome>,
}

/// Shows no token.
impl std::fmt::Debug for PreparedVote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PreparedVote")
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

/// What became of a vote.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Outcome {
    /// It will be counted.
    Counted,
    /// It was never sent, and there is no time left to begin: its tokens lapse.
    LeftOver,
    /// It never will be.
    Refused {
        /// The status.
        status: u16,
        /// The problem's slug.
        slug: Option<String>,
    },
    /// It was sent, and no answer came for as long as one can be expected. It may be counted or not.
    Unanswered,
}

/// A wallet: its state, and the file that it is kept in.
pub type Wallet = Kept<State>;

#[cfg(test)]
mod tests;
