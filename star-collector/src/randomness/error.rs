//! What can go wrong, and what the caller is told about it.

use axum::response::{IntoResponse, Response};
use service_kit::{
    Problem,
    crypto::PoolError,
    problem::{RetryAfter, Slug},
    telemetry::Alarm,
};

use super::{
    domain::{InvalidPoint, OpenError, TooManyPoints},
    store::StoreError,
};

/// No key can be used.
static KEYS: Alarm = Alarm::new("star-randomness");

/// Says that points were evaluated.
pub(super) fn all_is_well() {
    KEYS.clear();
}

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The stored key is punctured further than our calendar says, or epochs have not begun at all.
    #[error("the clock shows an epoch that is over, or a time before epoch_base_time: set it")]
    ClockLags,
    /// Other processes write this key again and again.
    #[error("others change the key all the time")]
    Contended,
    /// A job failed, or was not begun.
    #[error(transparent)]
    Crypto(#[from] PoolError),
    /// A point is none that may be evaluated.
    #[error(transparent)]
    InvalidPoint(#[from] InvalidPoint),
    /// The caller's quota is used up.
    #[error("the caller asks too much")]
    Limited(Box<Problem>),
    /// The stored key was made for other epochs.
    #[error(
        "the stored key is of the schedule {stored}, and the settings say {wanted}: put them back, or give the \
         instance another name"
    )]
    OtherSchedule {
        /// What it was made for.
        stored: String,
        /// What the settings say.
        wanted: String,
    },
    /// A sealed key does not open.
    #[error("the sealed key does not open")]
    Sealed(#[from] OpenError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The request has too many points.
    #[error(transparent)]
    TooManyPoints(#[from] TooManyPoints),
    /// There is no instance of that name.
    #[error("there is no such instance")]
    UnknownInstance,
    /// The epoch is over, or has not begun.
    #[error("the epoch is not the current one")]
    WrongEpoch,
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Limited(Box::new(problem))
    }
}

impl Error {
    /// The public face of the error. It never includes the source.
    pub fn problem(&self) -> Problem {
        match self {
            Self::ClockLags => Problem::new(Slug::NotReady).retry_after(RetryAfter::Seconds30),
            Self::Contended | Self::Store(_) => Slug::NotReady.into(),
            Self::Crypto(error) => (*error).into(),
            Self::InvalidPoint(InvalidPoint { index }) => Problem::new(Slug::InvalidPoint)
                .invalid(format!("/points/{index}"), "is no point to be evaluated"),
            Self::Limited(problem) => (**problem).clone(),
            Self::OtherSchedule { .. } | Self::Sealed(_) => Problem::internal(),
            Self::TooManyPoints(error) => {
                Problem::new(Slug::InvalidBody).invalid("/points", error.to_string())
            }
            Self::UnknownInstance => Slug::UnknownInstance.into(),
            Self::WrongEpoch => {
                Problem::new(Slug::WrongEpoch).invalid("/epoch", "is not the current epoch")
            }
        }
    }

    /// Whether somebody must look at it: docs/operations.md says what to do.
    fn is_alarm(&self) -> bool {
        match self {
            Self::ClockLags
            | Self::Contended
            | Self::OtherSchedule { .. }
            | Self::Sealed(_)
            | Self::Store(_) => true,
            Self::Crypto(_)
            | Self::InvalidPoint(_)
            | Self::Limited(_)
            | Self::TooManyPoints(_)
            | Self::UnknownInstance
            | Self::WrongEpoch => false,
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if self.is_alarm() {
            KEYS.raise(&self);
        }
        self.problem().into_response()
    }
}
