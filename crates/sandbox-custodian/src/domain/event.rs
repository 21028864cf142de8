//! What happened: each change of the ledger, as the journal keeps it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AccountRequest, Custodian, Outcome, Transfer};

/// A change that was checked and decided. Applying the same events again gives the same ledger.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Event {
    /// A quote was committed.
    #[serde(rename_all = "camelCase")]
    Committed {
        /// Whose.
        custodian: Custodian,
        /// Which.
        id: Uuid,
        /// When it ends.
        ends_at: DateTime<Utc>,
        /// How it ends.
        outcome: Outcome,
    },
    /// A transfer was made, or a quote.
    Made {
        /// It.
        transfer: Transfer,
    },
    /// An account was opened.
    Opened {
        /// It.
        account: AccountRequest,
    },
}
