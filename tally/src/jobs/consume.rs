//! Reads the topics, so often. Dying at any point costs nothing: see [`crate::intake`].

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use service_kit::jobs::{Job, Next};

use super::LOOK_AGAIN;
use crate::intake::{Intake, IntakeError, Reached};

/// The job.
#[derive(Debug)]
pub struct ConsumeJob {
    /// What reads.
    pub intake: Arc<Intake>,
    /// How long to wait at the end of the topics, on the calendar.
    pub poll: TimeDelta,
}

#[async_trait]
impl Job for ConsumeJob {
    fn name(&self) -> &'static str {
        "consume"
    }

    async fn run_once(&self) -> anyhow::Result<Next> {
        match self.intake.run().await {
            Ok(Reached::End) => Ok(Next::After(self.poll)),
            Ok(Reached::OthersRead) => Ok(look_again().await),
            Err(error @ IntakeError::Overtaken) => {
                tracing::info!(error = %error, "nothing was counted of this batch");
                Ok(look_again().await)
            }
            Ok(Reached::Stopped) => Ok(Next::Never),
            Err(error) => Err(error.into()),
        }
    }
}

/// Others read: they need a moment.
async fn look_again() -> Next {
    tokio::time::sleep(LOOK_AGAIN).await;
    Next::After(TimeDelta::zero())
}
