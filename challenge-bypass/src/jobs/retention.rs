//! Forgets what has served its purpose.

use std::sync::Arc;

use async_trait::async_trait;
use clock::Clock;
use service_kit::jobs::{Job, Next, next_daily};

use crate::{config::Retention, keyring::Keyring, store::Store};

/// Rows in one transaction: redemptions wait for it, so it must be short.
const ROWS_MAX: u32 = 2_000;

/// Deletes the secrets of ended keys after their grace, and redemptions and signing requests after
/// their retention. Daily at 03:20; dying half-way leaves the rest for the next turn.
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
        let mut forgotten = self.store.forget_secrets(secrets).await?;
        self.keyring.forget_ended(secrets);

        let redemptions = now - self.retention.redemptions();
        loop {
            let deleted = self.store.forget_redemptions(redemptions, ROWS_MAX).await?;
            forgotten += deleted;
            if deleted < u64::from(ROWS_MAX) {
                break;
            }
        }
        if forgotten > 0 {
            self.store.forget_deleted().await?;
        }
        Ok(Next::At(next_daily(now, 3, 20)))
    }
}
