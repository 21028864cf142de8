//! Shows what was counted about votes, once per interval.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use service_kit::jobs::{Job, Next};

use crate::votes::VoteCounters;

/// The job.
#[derive(Debug)]
pub struct VoteCountersJob {
    /// What was counted.
    pub counters: Arc<VoteCounters>,
    /// How often it is shown.
    pub interval: TimeDelta,
}

#[async_trait]
impl Job for VoteCountersJob {
    fn name(&self) -> &'static str {
        "vote-counters"
    }

    async fn run_once(&self) -> anyhow::Result<Next> {
        self.counters.publish();
        Ok(Next::After(self.interval))
    }
}
