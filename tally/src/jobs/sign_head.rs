//! Signs the ledger's head of the day, shortly after midnight UTC.
//!
//! The head and its copy for the topic are stored in one transaction; dying before it means doing it
//! again. A day on which the tally was down has no head.

use std::sync::Arc;

use async_trait::async_trait;
use clock::Clock;
use service_kit::jobs::{Job, Next, next_daily};

use crate::{domain::HeadKey, store::Store};

/// After payments has signed the key directory's head, so that it is witnessed on its day.
const HOUR_AND_MINUTE: (u32, u32) = (0, 45);

/// The job.
#[derive(Debug)]
pub struct SignHeadJob {
    /// The ledger.
    pub store: Arc<dyn Store>,
    /// Signs.
    pub key: HeadKey,
    /// The topic of the copies.
    pub topic: String,
    /// The calendar.
    pub clock: Clock,
}

#[async_trait]
impl Job for SignHeadJob {
    fn name(&self) -> &'static str {
        "sign-head"
    }

    async fn run_once(&self) -> anyhow::Result<Next> {
        let (hour, minute) = HOUR_AND_MINUTE;
        let now = self.clock.now();
        let next = next_daily(now, hour, minute);
        let is_time = next.date_naive() > now.date_naive();
        let last = self.store.head().await?;
        if is_time && last.is_none_or(|head| head.day < now.date_naive()) {
            self.store
                .sign_head(now.date_naive(), &self.key, &self.topic)
                .await?;
        }
        Ok(Next::At(next))
    }
}
