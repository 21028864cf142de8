//! What handlers share.

use std::sync::Arc;

use clock::Clock;
use service_kit::Shutdown;

use crate::{
    Rules, auth::BearerTokens, config::Limits, issuers::Issuers, keyring::Keyring,
    registry::Registry, signer::Signer, store::Store,
};

/// What handlers share. Clones share it.
#[derive(Clone)]
pub struct AppState {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) issuers: Issuers,
    pub(crate) signer: Signer,
    pub(crate) registry: Registry,
    pub(crate) limits: Limits,
    pub(crate) rules: Rules,
    pub(crate) tokens: Option<BearerTokens>,
    pub(crate) clock: Clock,
    pub(crate) shutdown: Shutdown,
}

impl std::fmt::Debug for AppState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppState").finish_non_exhaustive()
    }
}
