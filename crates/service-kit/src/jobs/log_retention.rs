//! Drops the records that are past their topic's retention, daily, where the event log does not do it by itself.

use std::sync::Arc;

use async_trait::async_trait;
use clock::Clock;

use super::{Job, Next, next_daily};
use crate::event_log::EventLog;

/// When it runs: at a quiet hour, and at none of the times at which votes are published.
const HOUR_AND_MINUTE: (u32, u32) = (4, 20);

/// The job. Whoever writes to a log has it: two that have the same log do no harm.
#[derive(Debug)]
pub struct LogRetentionJob {
    /// The log that the service writes to.
    pub log: Arc<dyn EventLog>,
    /// The calendar.
    pub clock: Clock,
}

#[async_trait]
impl Job for LogRetentionJob {
    fn name(&self) -> &'static str {
        "log-retention"
    }

    async fn run_once(&self) -> anyhow::Result<Next> {
        let now = self.clock.now();
        self.log.retire(now).await?;
        let (hour, minute) = HOUR_AND_MINUTE;
        Ok(Next::At(next_daily(now, hour, minute)))
    }
}
