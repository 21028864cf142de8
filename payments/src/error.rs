//! What can go wrong on the orders side, and what a client is told about it.

use axum::response::{IntoResponse, Response};
use service_kit::{
    Problem,
    crypto::PoolError,
    fault::Crashed,
    problem::{RetryAfter, Slug},
};

use crate::{
    challenge_bypass,
    custodians::CustodianError,
    domain::{capability::Refused, credentials::InvalidPoints, order::Refusal, transfer::Misfit},
};

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No capability, or not one for this.
    #[error(transparent)]
    Capability(#[from] Refused),
    /// The points are not those that were submitted first.
    #[error("other blinded tokens were submitted before")]
    CredentialsAlreadySubmitted,
    /// The credentials' retention time is over.
    #[error("the credentials were erased")]
    CredentialsErased,
    /// The custodian gave no usable answer.
    #[error("the custodian gave no usable answer")]
    Custodian(#[from] CustodianError),
    /// A header is not what the route takes.
    #[error("a header is not what the route takes")]
    Header(&'static str),
    /// No key that clients can confirm sells these tokens.
    #[error("no key that clients can confirm")]
    NoConfirmedKey,
    /// There is nothing of this kind.
    #[error("not found")]
    NotFound,
    /// The order is not one that can be placed.
    #[error(transparent)]
    Order(#[from] Refusal),
    /// The order is canceled.
    #[error("the order is canceled")]
    OrderCanceled,
    /// The order is not paid.
    #[error("the order is not paid")]
    OrderNotPaid,
    /// Planned by a test.
    #[error(transparent)]
    Planned(#[from] Crashed),
    /// The points are not what was paid for.
    #[error(transparent)]
    Points(#[from] InvalidPoints),
    /// The pool for arithmetic is full, or its job failed.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// challenge-bypass gave no signatures.
    #[error("nothing was signed")]
    Signing(#[source] challenge_bypass::Error),
    /// The database failed.
    #[error("the database failed")]
    Store(#[from] sqlx::Error),
    /// The order has as many transfers as one may have.
    #[error("the order has too many transfers")]
    TooManyTransfers,
    /// The signed card transaction is malformed, or the card's custodian refuses it.
    #[error("the card transaction is malformed or refused: {0}")]
    Transaction(&'static str),
    /// The transfer does not pay this order.
    #[error(transparent)]
    Transfer(#[from] Misfit),
    /// The custodian knows no such transfer.
    #[error("there is no such transfer")]
    TransferNotFound,
    /// The transfer was used before.
    #[error("the transfer was used before")]
    TransferUsed,
}

impl Error {
    /// The public face of the error. It never includes the source.
    pub fn problem(&self) -> Problem {
        match self {
            Self::Capability(Refused) => Slug::Unauthorized.into(),
            Self::CredentialsAlreadySubmitted => Slug::CredentialsAlreadySubmitted.into(),
            Self::CredentialsErased => Slug::CredentialsErased.into(),
            Self::Custodian(error) => custodian(*error),
            Self::Header(reason) => Problem::new(Slug::InvalidHeader).detail(*reason),
            Self::NoConfirmedKey => {
                Problem::new(Slug::NoConfirmedKey).retry_after(RetryAfter::Seconds120)
            }
            Self::NotFound => Slug::NotFound.into(),
            Self::Order(refusal) => order(*refusal),
            Self::OrderCanceled => Slug::OrderCanceled.into(),
            Self::OrderNotPaid => Slug::OrderNotPaid.into(),
            Self::Planned(_) => Problem::internal(),
            Self::Points(invalid) => points(*invalid),
            Self::Pool(error) => (*error).into(),
            Self::Signing(_) => Slug::IssuerUnavailable.into(),
            // The caller may try again: nothing is lost, and a database that fails may come back.
            Self::Store(_) => Slug::NotReady.into(),
            Self::TooManyTransfers => Slug::TooManyTransfers.into(),
            Self::Transaction(reason) => {
                Problem::new(Slug::InvalidTransaction).invalid("/transaction", *reason)
            }
            Self::Transfer(misfit) => transfer(*misfit),
            Self::TransferNotFound => Slug::TransferNotFound.into(),
            Self::TransferUsed => Slug::TransferAlreadyUsed.into(),
        }
    }
}

fn custodian(error: CustodianError) -> Problem {
    match error {
        CustodianError::Invalid => Slug::CustodianAnswerInvalid.into(),
        CustodianError::NotFound => Slug::TransferNotFound.into(),
        CustodianError::Refused => Problem::new(Slug::InvalidTransaction)
            .invalid("/transaction", "the custodian refuses it"),
        CustodianError::Unavailable => {
            Problem::new(Slug::CustodianUnavailable).retry_after(RetryAfter::Seconds5)
        }
    }
}

fn order(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Amount => {
            Problem::new(Slug::InvalidQuantity).invalid("/items", "the total is out of bounds")
        }
        Refusal::Items => {
            Problem::new(Slug::InvalidBody).invalid("/items", "too few or too many items")
        }
        Refusal::Mixed => Slug::MixedItems.into(),
        Refusal::Quantity(index) => Problem::new(Slug::InvalidQuantity).invalid(
            format!("/items/{index}/quantity"),
            "not a quantity that is sold",
        ),
        Refusal::Sku(index) => Problem::new(Slug::InvalidSku).invalid(
            format!("/items/{index}/sku"),
            "not a SKU token that is sold here",
        ),
    }
}

fn points(invalid: InvalidPoints) -> Problem {
    match invalid {
        InvalidPoints::Count { expected } => Problem::new(Slug::InvalidQuantity).invalid(
            "/blindedCreds",
            format!("the item is for {expected} blinded tokens"),
        ),
        InvalidPoints::Duplicate(index) => Problem::new(Slug::DuplicateToken)
            .invalid(format!("/blindedCreds/{index}"), "it is there before"),
        InvalidPoints::Point(index) => Problem::new(Slug::InvalidPoint).invalid(
            format!("/blindedCreds/{index}"),
            "not a canonical, non-identity point",
        ),
    }
}

fn transfer(misfit: Misfit) -> Problem {
    match misfit {
        Misfit::Amount => Slug::WrongAmount,
        Misfit::Currency => Slug::WrongCurrency,
        Misfit::Destination => Slug::WrongDestination,
        Misfit::FundingSource => Slug::WrongFundingSource,
        Misfit::OtherTransfer => Slug::CustodianAnswerInvalid,
        Misfit::Reference => Slug::TransferNotForThisOrder,
    }
    .into()
}

/// The public face of the error, after its cause was logged, if an operator has to know it. The routes of credentials
/// have alarms instead.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if let Self::Store(_) | Self::Planned(_) = self {
            tracing::error!(
                error = &self as &dyn std::error::Error,
                "a request of the orders side failed"
            );
        }
        self.problem().into_response()
    }
}
