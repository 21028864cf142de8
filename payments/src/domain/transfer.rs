//! Transfers: money that a custodian says has moved, and the order it is for.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use messages::{FundingSource, money::Amount};
use uuid::Uuid;

use super::order::OrderStatus;

/// Who moves the money.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Custodian {
    /// A card at Uphold that belongs to no account.
    AnonymousCard,
    /// Gemini.
    Gemini,
    /// Uphold.
    Uphold,
}

impl Custodian {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::AnonymousCard, Self::Gemini, Self::Uphold];

    /// The name: `kind` in the API, and what is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AnonymousCard => "anonymous-card",
            Self::Gemini => "gemini",
            Self::Uphold => "uphold",
        }
    }

    /// Whose money it moves.
    pub fn funding_source(self) -> FundingSource {
        match self {
            Self::AnonymousCard => FundingSource::AnonymousCard,
            Self::Gemini | Self::Uphold => FundingSource::UserWallet,
        }
    }
}

impl fmt::Display for Custodian {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is none of the names.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not one of the known names")]
pub struct UnknownName;

impl FromStr for Custodian {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.into_iter().find(|one| one.as_str() == text);
        found.ok_or(UnknownName)
    }
}

/// Where a transfer stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TransferStatus {
    /// Called off: never counts.
    Canceled,
    /// The money has arrived.
    Completed,
    /// It will not arrive: never counts.
    Failed,
    /// It may still arrive.
    Pending,
    /// It may still arrive.
    Processing,
    /// A card's transfer that has an id and may not have been committed.
    Quoted,
}

impl TransferStatus {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Canceled,
        Self::Completed,
        Self::Failed,
        Self::Pending,
        Self::Processing,
        Self::Quoted,
    ];

    /// What is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Canceled => "canceled",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Quoted => "quoted",
        }
    }

    /// What clients are told: to them a quote is a transfer that has not arrived.
    pub fn shown(self) -> &'static str {
        match self {
            Self::Quoted => Self::Pending.as_str(),
            other => other.as_str(),
        }
    }

    /// Whether it can still change.
    pub fn is_open(self) -> bool {
        match self {
            Self::Canceled | Self::Completed | Self::Failed => false,
            Self::Pending | Self::Processing | Self::Quoted => true,
        }
    }
}

impl FromStr for TransferStatus {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.into_iter().find(|one| one.as_str() == text);
        found.ok_or(UnknownName)
    }
}

/// A transfer that is recorded for an order.
#[derive(Clone, Eq, PartialEq)]
pub struct Transfer {
    /// Our id.
    pub id: Uuid,
    /// The order it pays.
    pub order_id: Uuid,
    /// Who moved the money.
    pub custodian: Custodian,
    /// The custodian's id, until it is erased.
    pub external_id: Option<String>,
    /// The card, until it is erased.
    pub payment_id: Option<Uuid>,
    /// Where it stands.
    pub status: TransferStatus,
    /// The currency of the amount.
    pub currency: String,
    /// How much.
    pub amount: Amount,
    /// When it was recorded, cut to the hour.
    pub created_at: DateTime<Utc>,
    /// When its status last changed, cut to the hour.
    pub updated_at: DateTime<Utc>,
}

/// Shows where it stands, and not whose it is (threat T5).
impl fmt::Debug for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transfer")
            .field("custodian", &self.custodian)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// What a custodian answered about a transfer.
#[derive(Clone, Eq, PartialEq)]
pub struct Answer {
    /// The transfer's id, as the answer gives it.
    pub id: String,
    /// The text that the payer put on it.
    pub reference: Option<String>,
    /// Where the money went.
    pub destination: String,
    /// The currency of what arrived.
    pub currency: String,
    /// How much arrived.
    pub amount: Amount,
    /// Where it stands.
    pub status: TransferStatus,
}

/// Shows where it stands, and not whose it is.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// What a transfer has to be.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The id that was asked for.
    pub id: &'a str,
    /// Who was asked.
    pub custodian: Custodian,
    /// Our settlement address there.
    pub destination: &'a str,
    /// The order's currency.
    pub currency: &'a str,
    /// Whose money pays the order.
    pub funding_source: FundingSource,
}

/// Why a transfer does not pay an order.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Misfit {
    /// Nothing arrived, or not what is owed.
    #[error("the amount does not fit")]
    Amount,
    /// Another currency.
    #[error("the currency is not the order's")]
    Currency,
    /// It went to somebody else.
    #[error("the destination is not ours")]
    Destination,
    /// The SKU is for the other kind of funds.
    #[error("the order is not paid from this funding source")]
    FundingSource,
    /// The custodian spoke of another transfer.
    #[error("the answer is about another transfer")]
    OtherTransfer,
    /// It carries no reference of this order.
    #[error("the transfer is not for this order")]
    Reference,
}

/// The single checks, as functions that a test can replace to plant a fault (threat T3).
#[derive(Clone, Copy, Debug)]
pub struct TransferRules {
    /// Whether a transfer carries one of the references: `(carried, allowed)`.
    pub reference: fn(Option<&str>, &[Uuid]) -> bool,
    /// Whether the money went to us: `(went to, ours)`.
    pub destination: fn(&str, &str) -> bool,
    /// Whether it is the order's currency: `(arrived, owed)`.
    pub currency: fn(&str, &str) -> bool,
    /// Whether it is the right kind of funds: `(moved by, order's)`.
    pub funding_source: fn(Custodian, FundingSource) -> bool,
    /// Whether a card's signed amount is what is owed: `(signed, owed)`.
    pub card_amount: fn(Amount, Amount) -> bool,
    /// What makes a transfer unique besides its own name: nothing. A fault puts the order here (T4).
    pub unique_within: fn(Uuid) -> Option<Uuid>,
}

impl Default for TransferRules {
    fn default() -> Self {
        Self {
            reference: |carried, allowed| {
                carried.is_some_and(|text| allowed.iter().any(|one| one.to_string() == text))
            },
            destination: |went_to, ours| went_to == ours,
            currency: |arrived, owed| arrived == owed,
            funding_source: |custodian, source| custodian.funding_source() == source,
            card_amount: |signed, owed| signed == owed,
            unique_within: |_| None,
        }
    }
}

/// Checks that a transfer is for this order, in the order of contracts §2.
///
/// `references` are those that the transfer may carry; `None` when any will do.
pub fn check(
    answer: &Answer,
    expected: Expected<'_>,
    references: Option<&[Uuid]>,
    rules: &TransferRules,
) -> Result<(), Misfit> {
    let carried = answer.reference.as_deref();
    if references.is_some_and(|allowed| !(rules.reference)(carried, allowed)) {
        return Err(Misfit::Reference);
    }
    check_about(answer, expected, rules)
}

/// Checks all but the reference: what has to hold again whenever a recorded transfer is read.
pub fn check_about(
    answer: &Answer,
    expected: Expected<'_>,
    rules: &TransferRules,
) -> Result<(), Misfit> {
    if answer.id != expected.id {
        return Err(Misfit::OtherTransfer);
    }
    if !(rules.destination)(&answer.destination, expected.destination) {
        return Err(Misfit::Destination);
    }
    if !(rules.currency)(&answer.currency, expected.currency) {
        return Err(Misfit::Currency);
    }
    if !(rules.funding_source)(expected.custodian, expected.funding_source) {
        return Err(Misfit::FundingSource);
    }
    if answer.amount.is_zero() {
        return Err(Misfit::Amount);
    }
    Ok(())
}

/// What a transfer that has just completed does to its order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Settlement {
    /// Whether the order is paid by it.
    pub pays: bool,
    /// What of it pays for nothing.
    pub surplus: Amount,
}

/// Settles a transfer of `amount` on an order of `total`, of which `before` had arrived.
pub fn settle(status: OrderStatus, total: Amount, before: Amount, amount: Amount) -> Settlement {
    let unpaid = total.checked_sub(before).unwrap_or(Amount::ZERO);
    match status {
        OrderStatus::Canceled | OrderStatus::Fulfilled | OrderStatus::Paid => Settlement {
            pays: false,
            surplus: amount,
        },
        OrderStatus::Pending => Settlement {
            pays: amount >= unpaid,
            surplus: amount.checked_sub(unpaid).unwrap_or(Amount::ZERO),
        },
    }
}

/// What is still owed, if all that is on its way arrives; nothing when more than the total is.
pub fn owed(total: Amount, on_the_way: impl IntoIterator<Item = Amount>) -> Amount {
    let sum = on_the_way
        .into_iter()
        .try_fold(Amount::ZERO, Amount::checked_add);
    sum.and_then(|sum| total.checked_sub(sum))
        .unwrap_or(Amount::ZERO)
}

#[cfg(test)]
#[path = "transfer_tests.rs"]
mod tests;
