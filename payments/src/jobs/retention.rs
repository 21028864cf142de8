//! Forgets what need not be kept: every table of the orders' database has its rule here.
//!
//! Each step is a transaction over a bounded number of rows, so that requests are not held up. Dying
//! half-way leaves rows for the next turn.

use std::fmt;

use async_trait::async_trait;
use chrono::{Days, TimeDelta};
use service_kit::jobs::{Job, Next};

use crate::{config::Retention, transfers::Transfers};

/// How many rows one transaction touches.
const ROWS: u32 = 500;

/// How many transactions one turn makes for each rule: the rest is for the next turn.
const STEPS_MAX: u32 = 200;

/// How often.
const PAUSE: TimeDelta = TimeDelta::hours(1);

/// The job.
pub struct RetentionJob {
    /// Where orders are, and who asks about their transfers before they are canceled.
    pub transfers: Transfers,
    /// How long things are kept.
    pub kept: Retention,
}

/// Repeats a step until it finds fewer rows than it may touch.
macro_rules! repeat {
    ($step:expr) => {
        for _ in 0..STEPS_MAX {
            if $step.await? < u64::from(ROWS) {
                break;
            }
        }
    };
}

#[async_trait]
impl Job for RetentionJob {
    fn name(&self) -> &'static str {
        "orders-retention"
    }

    async fn run_once(&self) -> anyhow::Result<Next> {
        let (store, kept) = (&self.transfers.store, self.kept);
        let now = self.transfers.clock.now();
        let days = |days: u32| TimeDelta::days(days.into());
        let day_before = |days: u32| now.date_naive() - Days::new(days.into());
        let unpaid = now - TimeDelta::hours(kept.unpaid_order_hours.into());
        let partly_paid = now - days(kept.partly_paid_order_days);
        let closed = now - days(kept.order_retention_days);
        let unclaimed = day_before(kept.unclaimed_order_days);
        let credentials = day_before(kept.credential_retention_days);

        repeat!(store.forget_idempotency(now, ROWS));
        repeat!(store.forget_unpaid(unpaid, ROWS));
        repeat!(store.write_off_unclaimed(unclaimed, now, ROWS));
        repeat!(store.erase_credentials(credentials, ROWS));
        repeat!(store.erase_transfer_ids(credentials, ROWS));
        repeat!(store.forget_closed(closed, ROWS));
        // Also when nothing was deleted now: what the turn before deleted is still in the file if somebody, such as a backup, read an
        // older state.
        store.forget_deleted().await?;
        // Last, since custodians may take their time.
        self.transfers.cancel_overdue(partly_paid).await?;
        Ok(Next::After(PAUSE))
    }
}

impl fmt::Debug for RetentionJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetentionJob")
            .field("kept", &self.kept)
            .finish_non_exhaustive()
    }
}
