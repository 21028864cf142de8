//! What can go wrong, and what the caller is told about it.

use axum::response::{IntoResponse, Response};
use messages::directory::{OutOfTurn, UnsignedChange};
use service_kit::{
    Problem,
    crypto::PoolError,
    fault::Crashed,
    group::GroupError,
    problem::{RetryAfter, Slug},
    telemetry::Alarm,
};

use crate::{
    domain::{
        BadSignature, InvalidBatch, InvalidPoint, InvalidRedemption, InvalidTerms, IssuerNameError,
        OpenError,
    },
    store::StoreError,
};

/// The registry takes nothing of some key.
static REGISTRY: Alarm = Alarm::new("registry");

/// The database fails.
static DATABASE: Alarm = Alarm::new("registry-database");

/// Says that a redemption was taken.
pub(crate) fn all_is_well() {
    REGISTRY.clear();
    DATABASE.clear();
}

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A token was spent in another request.
    #[error("a token was redeemed before, in another request")]
    AlreadyRedeemed,
    /// A token's signature does not fit.
    #[error(transparent)]
    BadSignature(#[from] BadSignature),
    /// A test planned this failure.
    #[error(transparent)]
    Crashed(#[from] Crashed),
    /// A change of the directory key does not go on from those before it.
    #[error(transparent)]
    DirectoryKey(#[from] OutOfTurn),
    /// The work of several requests failed, or there was too much of it.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// The blinded tokens are too many, too few, or not all different.
    #[error(transparent)]
    InvalidBatch(#[from] InvalidBatch),
    /// The name in the path names no issuer.
    #[error(transparent)]
    InvalidName(#[from] IssuerNameError),
    /// A blinded token is no point that may be signed.
    #[error(transparent)]
    InvalidPoint(#[from] InvalidPoint),
    /// The redemption breaks a rule.
    #[error(transparent)]
    InvalidRedemption(#[from] InvalidRedemption),
    /// The terms of an issuer break a rule.
    #[error(transparent)]
    InvalidTerms(#[from] InvalidTerms),
    /// The issuer exists with other terms.
    #[error("the issuer exists with other terms")]
    IssuerExists,
    /// The key redeems no more, or only a replay was wanted and this is none.
    #[error("the key redeems no more")]
    KeyExpired,
    /// The key was revoked.
    #[error("the key was revoked")]
    KeyRevoked,
    /// The caller's quota is used up.
    #[error("the caller asks too much")]
    Limited(Box<Problem>),
    /// No key of the issuer signs now.
    #[error("no key of the issuer signs now")]
    NoSigningKey,
    /// The registry is older than what the caller has seen.
    #[error("the registry counts fewer redemptions than were confirmed before")]
    RegistryBehind,
    /// More tokens would be redeemed than were signed.
    #[error("more tokens would be redeemed than were signed")]
    RegistryInconsistent,
    /// A sealed key does not open.
    #[error("a sealed key does not open")]
    Sealed(#[from] OpenError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No bearer token, or a wrong one.
    #[error("the bearer token is missing or wrong")]
    Unauthorized,
    /// A change of the directory key is not signed by both keys.
    #[error(transparent)]
    UnsignedChange(#[from] UnsignedChange),
    /// There is no issuer of that name.
    #[error("there is no such issuer")]
    UnknownIssuer,
    /// No issuer has this key.
    #[error("no issuer has this key")]
    UnknownKey,
    /// There is no key of that id.
    #[error("there is no key of this id")]
    UnknownKeyId,
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Limited(Box::new(problem))
    }
}

impl From<PoolError> for Error {
    fn from(error: PoolError) -> Self {
        Self::Group(match error {
            PoolError::Failed => GroupError::Failed,
            PoolError::Full => GroupError::Full,
        })
    }
}

impl Error {
    /// The public face of the error. It never includes the source.
    pub fn problem(&self) -> Problem {
        let slug = match self {
            Self::InvalidBatch(error) => return invalid_batch(*error),
            Self::Limited(problem) => return (**problem).clone(),
            Self::InvalidPoint(InvalidPoint { index }) => {
                return Problem::new(Slug::InvalidPoint).invalid(
                    format!("/blindedTokens/{index}"),
                    "is no point to be signed",
                );
            }
            Self::InvalidRedemption(error) => return invalid_redemption(*error),
            Self::InvalidTerms(InvalidTerms::Legacy) => Slug::LegacyNotAllowed,
            Self::InvalidTerms(error) => {
                return Problem::new(Slug::InvalidBody).invalid(error.field(), error.to_string());
            }
            Self::UnsignedChange(error) => return unsigned_change(*error),
            Self::Group(GroupError::Full) => {
                return Problem::new(Slug::Overloaded).retry_after(RetryAfter::Seconds1);
            }
            Self::NoSigningKey => {
                return Problem::new(Slug::NoConfirmedKey).retry_after(RetryAfter::Seconds120);
            }
            Self::RegistryBehind => return stopped(Slug::RegistryBehind),
            Self::RegistryInconsistent => return stopped(Slug::RegistryInconsistent),
            Self::AlreadyRedeemed => Slug::TokenAlreadyRedeemed,
            Self::BadSignature(BadSignature) => Slug::BadSignature,
            // The caller may try again: nothing is lost, and a database that fails may come back.
            Self::Crashed(_) | Self::Group(GroupError::Failed) | Self::Store(_) => Slug::NotReady,
            Self::DirectoryKey(_) => Slug::DirectoryKeyConflict,
            Self::InvalidName(IssuerNameError) => Slug::InvalidPath,
            Self::IssuerExists => Slug::IssuerExists,
            Self::KeyExpired => Slug::KeyExpired,
            Self::KeyRevoked => Slug::KeyRevoked,
            Self::Sealed(_) => Slug::Internal,
            Self::Unauthorized => Slug::Unauthorized,
            Self::UnknownIssuer => Slug::UnknownIssuer,
            Self::UnknownKey => Slug::UnknownIssuerKey,
            Self::UnknownKeyId => Slug::NotFound,
        };
        slug.into()
    }

    /// Whether somebody must look at it: docs/operations.md says what to do.
    fn is_alarm(&self) -> bool {
        matches!(
            self,
            Self::RegistryBehind | Self::RegistryInconsistent | Self::Sealed(_)
        )
    }
}

/// The registry takes nothing until an operator has looked at it.
fn stopped(slug: Slug) -> Problem {
    Problem::new(slug).retry_after(RetryAfter::Seconds120)
}

fn invalid_batch(error: InvalidBatch) -> Problem {
    match error {
        InvalidBatch::Count { .. } => {
            Problem::new(Slug::InvalidBody).invalid("/blindedTokens", error.to_string())
        }
        InvalidBatch::Duplicate { index } => Problem::new(Slug::DuplicateToken).invalid(
            format!("/blindedTokens/{index}"),
            "stands in the list twice",
        ),
    }
}

fn invalid_redemption(error: InvalidRedemption) -> Problem {
    let field = match error {
        InvalidRedemption::Duplicate => return Slug::DuplicateToken.into(),
        InvalidRedemption::MixedKeys => return Slug::MixedKeys.into(),
        InvalidRedemption::Payload { .. } => "/payload",
        InvalidRedemption::Tokens { .. } => "/tokens",
    };
    Problem::new(Slug::InvalidBody).invalid(field, error.to_string())
}

fn unsigned_change(error: UnsignedChange) -> Problem {
    let field = match error {
        UnsignedChange::New => "/signatures/new",
        UnsignedChange::Previous => "/signatures/previous",
    };
    Problem::new(Slug::InvalidBody).invalid(field, error.to_string())
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if self.is_alarm() {
            REGISTRY.raise(&self);
        } else if matches!(self, Self::Store(_)) {
            DATABASE.raise(&self);
        }
        self.problem().into_response()
    }
}
