//! A transfer, from the quote until the money has arrived.

use chrono::{DateTime, Utc};
use messages::money::Amount;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Address, Currency};

/// Whose API shows a transfer.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Custodian {
    /// `GET /v1/payment/{clientId}/{txRef}`.
    Gemini,
    /// `GET /v0/me/transactions/{id}`.
    Uphold,
}

/// How a committed transfer ends.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Its sender called it off; the money went back.
    Canceled,
    /// The money arrived.
    #[default]
    Completed,
    /// It failed on the way; the money went back.
    Failed,
}

/// A transfer that a user makes out of an account.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TransferRequest {
    /// Whose API shows it.
    pub custodian: Custodian,
    /// Its id, if the caller wants to choose it. A Gemini transfer's is always its `message`.
    #[serde(default)]
    pub id: Option<Uuid>,
    /// The account that pays.
    pub from: Address,
    /// How much, more than zero.
    pub amount: Amount,
    /// In which currency.
    pub currency: Currency,
    /// Where to.
    pub destination: Address,
    /// What it is for: Uphold's `message`, Gemini's `tx_ref`.
    pub message: String,
    /// When it ends, if that is not now; it is `pending` until then.
    #[serde(default)]
    pub completes_at: Option<DateTime<Utc>>,
    /// How it ends.
    #[serde(default)]
    pub outcome: Outcome,
}

/// A transfer out of a card that its holder signed, and that nobody has committed yet.
#[derive(Clone, Debug)]
pub struct QuoteRequest {
    /// The card.
    pub card: Address,
    /// How much, more than zero.
    pub amount: Amount,
    /// In which currency.
    pub currency: Currency,
    /// Where to.
    pub destination: Address,
    /// What it is for.
    pub message: String,
}

/// How far a transfer is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Stage {
    /// Its money has left the sender, and arrives, or comes back, at `ends_at`.
    #[serde(rename_all = "camelCase")]
    Committed {
        /// When it ends.
        ends_at: DateTime<Utc>,
        /// How it ends.
        outcome: Outcome,
    },
    /// No money has moved, and after `lapses_at` none will.
    #[serde(rename_all = "camelCase")]
    Quoted {
        /// Until when it can be committed.
        lapses_at: DateTime<Utc>,
    },
}

/// What a custodian says of a transfer.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Called off.
    Canceled,
    /// The money has arrived.
    Completed,
    /// It failed, or it is a quote that lapsed.
    Failed,
    /// A user's transfer on its way, or a quote that can be committed.
    Pending,
    /// A card's transfer on its way: it was committed.
    Processing,
}

impl Status {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Canceled => "canceled",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Pending => "pending",
            Self::Processing => "processing",
        }
    }
}

/// A transfer, as the ledger keeps it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Transfer {
    /// Whose API shows it.
    pub custodian: Custodian,
    /// Its id there.
    pub id: Uuid,
    /// Who pays.
    pub from: Address,
    /// Whether a card's holder signed it; a user's own transfer needs no commit.
    pub from_card: bool,
    /// How much.
    pub amount: Amount,
    /// In which currency.
    pub currency: Currency,
    /// Where to.
    pub destination: Address,
    /// What it is for.
    pub message: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// How far it is.
    pub stage: Stage,
}

impl Transfer {
    /// What the custodian says of it at `now`.
    pub fn status(&self, now: DateTime<Utc>) -> Status {
        match self.stage {
            Stage::Committed { ends_at, .. } if now < ends_at => {
                if self.from_card {
                    Status::Processing
                } else {
                    Status::Pending
                }
            }
            Stage::Committed { outcome, .. } => match outcome {
                Outcome::Canceled => Status::Canceled,
                Outcome::Completed => Status::Completed,
                Outcome::Failed => Status::Failed,
            },
            Stage::Quoted { lapses_at } if now < lapses_at => Status::Pending,
            Stage::Quoted { .. } => Status::Failed,
        }
    }
}
