//! Punctures every epoch when it is over.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use clock::Clock;
use service_kit::jobs::{Job, Next};

use crate::randomness::{instances::Instances, store::Store};

/// How often it looks at least: a key that another replica has punctured is then let go of here, too, although nobody asks
/// for it.
const INTERVAL: TimeDelta = TimeDelta::minutes(15);

/// Punctures the keys of all instances when an epoch ends, whether or not anybody asks, and has the older states
/// forgotten. Dying half-way costs nothing: a state is replaced as a whole, and the next turn forgets what this one did
/// not.
pub struct PunctureJob {
    /// Whose keys.
    pub instances: Arc<Instances>,
    /// Where they are.
    pub store: Arc<dyn Store>,
    /// The calendar.
    pub clock: Clock,
}

impl std::fmt::Debug for PunctureJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PunctureJob").finish_non_exhaustive()
    }
}

#[async_trait]
impl Job for PunctureJob {
    fn name(&self) -> &'static str {
        "puncture"
    }

    async fn run_once(&self) -> anyhow::Result<Next> {
        let punctured = self.instances.puncture().await;
        // Also when one instance failed: the older states of others are to go.
        self.store.forget_deleted().await?;
        Ok(Next::At(punctured?.min(self.clock.now() + INTERVAL)))
    }
}
