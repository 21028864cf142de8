//! Closes months, once a day. A closing is one transaction, so dying at any point means doing it again.

use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use clock::Clock;
use service_kit::jobs::{Job, Next, next_daily};

use super::LOOK_AGAIN;
use crate::closer::{Closer, NotYet};

/// After payments' records of funds, which are made at 00:30.
const HOUR_AND_MINUTE: (u32, u32) = (1, 30);

/// How soon to look again when only a record of funds is missing.
const RETRY: TimeDelta = TimeDelta::hours(1);

/// A closing is one transaction, with some statements for each publisher.
const LONGEST_TURN: Duration = Duration::from_hours(1);

/// The job.
#[derive(Debug)]
pub struct CloseJob {
    /// What closes.
    pub closer: Closer,
    /// The calendar.
    pub clock: Clock,
}

#[async_trait]
impl Job for CloseJob {
    fn name(&self) -> &'static str {
        "close"
    }

    fn longest_turn(&self) -> Duration {
        LONGEST_TURN
    }

    async fn run_once(&self) -> anyhow::Result<Next> {
        let (_closed, not_yet) = self.closer.close_due().await?;
        let (hour, minute) = HOUR_AND_MINUTE;
        let tomorrow = next_daily(self.clock.now(), hour, minute);
        match not_yet {
            NotYet::OthersRead => {
                tokio::time::sleep(LOOK_AGAIN).await;
                Ok(Next::After(TimeDelta::zero()))
            }
            NotYet::Stopped => Ok(Next::Never),
            NotYet::NothingYet | NotYet::TooEarly { .. } => Ok(Next::At(tomorrow)),
            NotYet::FundsTooOld { .. } | NotYet::NoFunds(_) | NotYet::Restated(_) => {
                tracing::warn!(why = %not_yet, "a month is due and does not close yet");
                Ok(Next::At(tomorrow.min(self.clock.now() + RETRY)))
            }
        }
    }
}
