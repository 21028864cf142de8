//! Forgets what has served its purpose.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use clock::Clock;
use service_kit::jobs::{Job, Next};

use crate::{config::Retention, keyring::Keyring, store::Store};

/// Rows in one transaction: redemptions wait for it, so it must be short.
const ROWS_MAX: u32 = 2_000;

/// How often it runs.
const INTERVAL: TimeDelta = TimeDelta::hours(6);

/// Deletes the secrets of ended keys after their grace, and redemptions and signing requests after
/// their retention. Dying half-way leaves the rest for the next turn.
///
/// Each turn also empties the database's log: it holds, besides what was deleted, the order in which
/// tokens were signed and spent, which the tables do not (threat U2).
pub struct RetentionJob {
    /// Where things are kept.
    pub store: Arc<dyn Store>,
    /// The opened keys, which are let go too.
    pub keyring: Arc<Keyring>,
    /// For how long.
    pub retention: Retention,
    /// The calendar.
    pub clock: Clock,
}

impl std::fmt::Debug for RetentionJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RetentionJob").finish_non_exhaustive()
    }
}

#[async_trait]
impl Job for RetentionJob {
    fn name(&self) -> &'static str {
        "retention"
    }

    async fn run_once(&self) -> anyhow::Result<Next> {
        let now = self.clock.now();
        let secrets = now - self.retention.secrets();
        self.store.forget_secrets(secrets).await?;
        self.keyring.forget_ended(secrets);

        let redemptions = now - self.retention.redemptions();
        while self.store.forget_redemptions(redemptions, ROWS_MAX).await? {}
        self.store.forget_deleted().await?;
        Ok(Next::After(INTERVAL))
    }
}
