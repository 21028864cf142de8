//! What the handlers share.

use std::{fmt, sync::Arc};

use clock::Clock;
use service_kit::{bearer::BearerTokens, limits::RouteLimit};

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
    /// How often a client may read the heads of the key directory.
    pub(crate) directory_heads: RouteLimit,
}

impl fmt::Debug for AppState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppState")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}
