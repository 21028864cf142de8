//! Forgets events that are so old that a repeat of them is refused for its age.

use std::sync::Arc;

use async_trait::async_trait;
use clock::Clock;
use service_kit::jobs::{Job, Next, next_daily};

use crate::{domain::Month, store::Store};

/// The job.
#[derive(Debug)]
pub struct ForgetJob {
    /// Where the events are.
    pub store: Arc<dyn Store>,
    /// For how many months they are kept.
    pub event_id_months: u32,
    /// The calendar.
    pub clock: Clock,
}

#[async_trait]
impl Job for ForgetJob {
    fn name(&self) -> &'static str {
        "forget-events"
    }

    async fn run_once(&self) -> anyhow::Result<Next> {
        let now = self.clock.now();
        // One month more than a vote may be old: its refusal must come first.
        let first_kept = Month::of(now.date_naive()).before(self.event_id_months);
        let count = self.store.forget_events(first_kept).await?;
        tracing::debug!(count, "old events were forgotten");
        Ok(Next::At(next_daily(now, 3, 10)))
    }
}
