//! What the handlers share.

use std::{fmt, sync::Arc};

use clock::Clock;
use governor::DefaultDirectRateLimiter;
use service_kit::bearer::BearerTokens;

use crate::store::Store;

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct AppState {
    /// The database.
    pub(crate) store: Arc<dyn Store>,
    /// The calendar.
    pub(crate) clock: Clock,
    /// Who may ask.
    pub(crate) tokens: BearerTokens,
    /// The most rows of one answer.
    pub(crate) page_rows_max: u32,
    /// How often the heads of the key directory are read.
    pub(crate) directory_heads: Arc<DefaultDirectRateLimiter>,
}

impl fmt::Debug for AppState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppState")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}
