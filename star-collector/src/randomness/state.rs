//! What handlers share.

use std::{ops::Deref, sync::Arc};

use service_kit::crypto::Pool;

use super::{config::Limits, instances::Instances, rules::Rules};

/// What handlers share. Clones share it.
#[derive(Clone, Debug)]
pub struct AppState(Arc<Shared>);

/// What is shared.
#[derive(Debug)]
pub struct Shared {
    pub(super) instances: Arc<Instances>,
    pub(super) pool: Pool,
    pub(super) limits: Limits,
    pub(super) rules: Rules,
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
