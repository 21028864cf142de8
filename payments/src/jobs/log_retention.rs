//! Drops the records that are past their topic's retention, daily, where the event log does not do it by itself.

use std::sync::Arc;

use async_trait::async_trait;
use clock::Clock;
use service_kit::{
    event_log::EventLog,
    jobs::{Job, Next, next_daily},
};

/// When it runs: at a quiet hour, and at none of the times at which anything is published.
const HOUR_AND_MINUTE: (u32, u32) = (4, 20);

/// The job.
#[derive(Debug)]
pub struct LogRetentionJob {
    /// The log that this service publishes to.
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
