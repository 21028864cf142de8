//! What can go wrong, and what a client is told about it.

use axum::response::{IntoResponse, Response};
use service_kit::{
    Problem,
    group::GroupError,
    problem::{RetryAfter, Slug},
};

use crate::domain::wire::Malformed;

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// The body is no base64.
    #[error("the body is not standard base64 with padding, and nothing else")]
    Base64,
    /// The epoch is over, or has not begun.
    #[error("the message's epoch is over or has not begun")]
    Epoch,
    /// A header cannot be read, or says a threshold that the channel does not take.
    #[error("the header {0} is not what this channel takes")]
    Header(&'static str),
    /// The bytes are no message of this channel.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The share says another threshold than the header, or than the channel where there is none.
    #[error(
        "the threshold of the share is not that of the header, or of the channel where there is none"
    )]
    Threshold,
    /// The message is larger than those of this channel.
    #[error("the message is larger than this channel takes")]
    TooLarge,
    /// There is no such channel.
    #[error("there is no such channel")]
    UnknownChannel,
    /// It is not known to be kept.
    #[error(transparent)]
    NotKept(#[from] GroupError),
}

impl Error {
    /// The public face of the error.
    pub fn problem(&self) -> Problem {
        match self {
            Self::Header(_) => Problem::new(Slug::InvalidHeader).detail(self.to_string()),
            Self::NotKept(GroupError::Failed) => Slug::NotReady.into(),
            Self::NotKept(GroupError::Full) => {
                Problem::new(Slug::Overloaded).retry_after(RetryAfter::Seconds1)
            }
            Self::TooLarge => Slug::BodyTooLarge.into(),
            Self::UnknownChannel => Slug::NotFound.into(),
            Self::Base64 | Self::Epoch | Self::Malformed(_) | Self::Threshold => {
                Problem::new(Slug::InvalidBody).detail(self.to_string())
            }
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.problem().into_response()
    }
}
