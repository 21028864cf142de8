//! Forgets the ids of votes whose tokens challenge-bypass has forgotten, and the order in which votes came, daily.
//!
//! As long as challenge-bypass remembers a redemption, a repeated vote must be answered as before; a day after it has
//! forgotten, the id serves nobody any more. Dying half-way leaves the rest for the next day.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::TimeDelta;
use clock::Clock;
use service_kit::jobs::{Job, Next, next_daily};

use crate::{published::PublishedDirectory, store::votes::Store};

/// When it runs: at a quiet hour, and at none of the times at which votes are published.
const HOUR_AND_MINUTE: (u32, u32) = (3, 40);

/// To write all votes anew is one statement, which may take an hour where there are very many.
const LONGEST_TURN: Duration = Duration::from_mins(90);

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

    fn longest_turn(&self) -> Duration {
        LONGEST_TURN
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
        self.store.settle().await?;
        let (hour, minute) = HOUR_AND_MINUTE;
        Ok(Next::At(next_daily(now, hour, minute)))
    }
}

#[cfg(test)]
mod tests {
    use messages::{directory::Event, encoding::Fixed};

    use super::*;
    use crate::{
        domain::{directory::tests::directory, vote::VoteId},
        store::votes::contract::{key_id, vote},
        votes::testing::Bench,
    };

    #[tokio::test]
    async fn ids_are_kept_until_challenge_bypass_has_forgotten_and_a_day_more() {
        // The key redeems until 2026-03-04, and 94 days after that is 2026-06-06.
        for (now, kept) in [
            ("2026-06-06T00:00:00Z", true),
            ("2026-06-06T00:00:01Z", false),
        ] {
            let bench = Bench::at(now).await;
            bench
                .store
                .record(&[vote(1, 1, 4, 4), vote(2, 9, 4, 4)])
                .await
                .unwrap();
            assert_eq!(key_id(1), messages::KeyId::of(&Fixed([1; 32])));

            let directory = directory(&[(1, Event::Added)], &[("2026-01-01", 1)]);
            let job = VoteRetentionJob {
                store: Arc::new(bench.store.clone()),
                published: Arc::new(PublishedDirectory::new(directory, TimeDelta::zero())),
                kept: TimeDelta::days(94),
                clock: bench.clock.clone(),
            };
            let next = job.run_once().await.unwrap();

            assert_eq!(next, Next::At("2026-06-06T03:40:00Z".parse().unwrap()));
            let known = bench
                .store
                .standing(VoteId([1; 32]), key_id(1))
                .await
                .unwrap();
            assert_eq!(known.recorded, kept, "{now}");
            let of_other_key = bench
                .store
                .standing(VoteId([2; 32]), key_id(9))
                .await
                .unwrap();
            assert!(of_other_key.recorded);
        }
    }
}
