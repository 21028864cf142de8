//! Why a client stopped.

use http::StatusCode;

use crate::{
    crash::Crashed,
    directory::{DirectoryError, rules::Refusal},
    payer::PayError,
    report::RandomnessError,
    sku::UnreadableSku,
    tokens::ProofError,
    transport::Answer,
};

/// Why a client did not get on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An answer was not of the form that was agreed.
    #[error("the server's answer is malformed")]
    Answer(#[source] serde_json::Error),
    /// A test let the client die.
    #[error(transparent)]
    Crashed(#[from] Crashed),
    /// The key directory is refused.
    #[error("the key directory is refused")]
    Directory(#[from] DirectoryError),
    /// The signatures are under a key that this client does not use.
    #[error("the tokens were signed under a key that is not to be used")]
    Key(#[source] Option<Refusal>),
    /// The library makes no message of the measurement.
    #[error("no message can be made of the measurement")]
    Message(#[source] star_constellation::Error),
    /// The wallet has no such purchase.
    #[error("the wallet has no purchase {0}")]
    NoPurchase(usize),
    /// The server sold something else than what was asked for.
    #[error("the order is not the one that was asked for")]
    Order,
    /// The custodian refuses.
    #[error(transparent)]
    Pay(#[from] PayError),
    /// The signatures are not what they must be.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The randomness is not what it must be.
    #[error("the randomness service's answer is not to be used")]
    Randomness(#[from] RandomnessError),
    /// The server refuses for good.
    #[error("the server refuses: {status} {}", slug.as_deref().unwrap_or("without a reason"))]
    Refused {
        /// The status.
        status: StatusCode,
        /// The problem's slug.
        slug: Option<String>,
    },
    /// The SKU token cannot be read.
    #[error(transparent)]
    Sku(#[from] UnreadableSku),
    /// So many measurements wait already.
    #[error("{0} measurements wait already: send them first")]
    TooManyKept(usize),
    /// The message would be larger than any that is taken.
    #[error("the measurement makes a message of {found} bytes; at most {max} are taken")]
    TooLong {
        /// Its size.
        found: usize,
        /// The largest.
        max: usize,
    },
    /// It took too long: a key to appear, a transfer to arrive, a server to answer.
    #[error("gave up waiting for {0}")]
    Waited(&'static str),
    /// The file of the wallet or of the measurements could not be read or written.
    #[error("the file of what must not be lost cannot be read or written")]
    Wallet(#[from] std::io::Error),
}

impl Error {
    /// What a refusing answer says.
    pub(crate) fn refused(answer: &Answer) -> Self {
        Self::Refused {
            status: answer.status,
            slug: answer.problem(),
        }
    }
}
