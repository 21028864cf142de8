//! What handlers share.

use std::{ops::Deref, sync::Arc};

use clock::Clock;
use service_kit::{Shutdown, bearer::BearerTokens};

use crate::{
    Rules, config::Limits, issuers::Issuers, keyring::Keyring, registry::Registry, signer::Signer,
    store::Store,
};

/// What handlers share. Clones, of which each request makes several, share it.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

/// What is shared.
pub struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) issuers: Issuers,
    pub(crate) signer: Signer,
    pub(crate) registry: Registry,
    pub(crate) limits: Limits,
    pub(crate) rules: Rules,
    pub(crate) tokens: BearerTokens,
    pub(crate) clock: Clock,
    pub(crate) shutdown: Shutdown,
}

impl From<Shared> for AppState {
    fn from(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }
}

impl Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for AppState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppState").finish_non_exhaustive()
    }
}
