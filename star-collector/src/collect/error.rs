//! What can go wrong, and what a client is told about it.

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

/// The public face of the error.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Header(_) => Self::new(Slug::InvalidHeader).detail(error.to_string()),
            Error::NotKept(GroupError::Failed) => Slug::NotReady.into(),
            Error::NotKept(GroupError::Full) => {
                Self::new(Slug::Overloaded).retry_after(RetryAfter::Seconds1)
            }
            Error::TooLarge => Slug::BodyTooLarge.into(),
            Error::UnknownChannel => Slug::NotFound.into(),
            Error::Base64 | Error::Epoch | Error::Malformed(_) | Error::Threshold => {
                Self::new(Slug::InvalidBody).detail(error.to_string())
            }
        }
    }
}
