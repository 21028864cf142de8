//! Where a client may die, so that tests and the demo can let it.

use std::{fmt, sync::Arc};

/// A step that the client has just taken. Whoever starts it again on its wallet must see no harm.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Step {
    /// The points were sent, and the answer was not read.
    CredentialsSent,
    /// The points are on disk, and were not sent.
    CredentialsStored,
    /// The order was sent, and the answer was not read.
    OrderSent,
    /// A measurement's message is on disk, and was not sent.
    ReportKept,
    /// A measurement's message was sent, and the answer was not read.
    ReportSent,
    /// payments was told of a transfer, and the answer was not read.
    TransactionSent,
    /// A transfer is on disk, and no money moved.
    TransferDrafted,
    /// The money moved, and payments does not know.
    TransferSent,
    /// A vote was sent, and the answer was not read.
    VoteSent,
    /// The votes are on disk, and none was sent.
    VotesStored,
}

impl Step {
    /// Those of a measurement.
    pub const OF_MEASUREMENTS: [Self; 2] = [Self::ReportKept, Self::ReportSent];

    /// Those from an order to the last vote.
    pub const OF_VOTES: [Self; 8] = [
        Self::CredentialsSent,
        Self::CredentialsStored,
        Self::OrderSent,
        Self::TransactionSent,
        Self::TransferDrafted,
        Self::TransferSent,
        Self::VoteSent,
        Self::VotesStored,
    ];
}

/// The client died at a step.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the client crashed after {0:?}")]
pub struct Crashed(pub Step);

/// Decides where the client dies. The default: nowhere.
#[derive(Clone, Default)]
pub struct CrashPoints(Option<Arc<dyn Fn(Step) -> bool + Send + Sync>>);

impl CrashPoints {
    /// Dies after each step for which `dies` says so.
    pub fn new(dies: impl Fn(Step) -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(dies)))
    }

    pub(crate) fn after(&self, step: Step) -> Result<(), Crashed> {
        match &self.0 {
            Some(dies) if dies(step) => Err(Crashed(step)),
            Some(_) | None => Ok(()),
        }
    }
}

impl fmt::Debug for CrashPoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CrashPoints(..)")
    }
}
