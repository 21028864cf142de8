//! Forgets the ids of votes whose tokens challenge-bypass has forgotten, daily.
//!
//! As long as challenge-bypass remembers a redemption, a repeated vote must be answered as before; a day after it has
//! forgotten, the id serves nobody any more. Dying half-way leaves the rest for the next day.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use clock::Clock;
use service_kit::jobs::{Job, Next, next_daily};

use crate::{published::PublishedDirectory, store::votes::Store};

/// When it runs: at a quiet hour, and at none of the times at which votes are published.
const HOUR_AND_MINUTE: (u32, u32) = (3, 40);

/// How many ids are forgotten in one transaction: votes wait while it runs.
const BATCH_VOTES_MAX: u32 = 2_000;

/// The job.
#[derive(Debug)]
pub struct VoteRetentionJob {
    /// Where votes are kept.
    pub store: Arc<dyn Store>,
    /// The keys, and until when they redeem.
    pub published: Arc<PublishedDirectory>,
    /// How long after a key's last redemption the ids of its votes are kept.
    pub kept: TimeDelta,
    /// The calendar.
    pub clock: Clock,
}

#[async_trait]
impl Job for VoteRetentionJob {
    fn name(&self) -> &'static str {
        "vote-retention"
    }

    async fn run_once(&self) -> anyhow::Result<Next> {
        let now = self.clock.now();
        let published = self.published.current();
        let over = published
            .keys
            .iter()
            .filter(|key| key.redeem_until + self.kept < now);
        for key in over {
            while self.store.forget_votes(key.id, BATCH_VOTES_MAX).await?
                == u64::from(BATCH_VOTES_MAX)
            {}
        }
        let (hour, minute) = HOUR_AND_MINUTE;
        Ok(Next::At(next_daily(now, hour, minute)))
    }
}
