//! Adds the next keys, some days before they sign.

use async_trait::async_trait;
use chrono::TimeDelta;
use service_kit::jobs::{Job, Next};

use crate::issuers::Issuers;

/// How often keys are looked at: much more often than the day of slack that a successor has.
const INTERVAL: TimeDelta = TimeDelta::hours(6);

/// Adds each issuer's next key when its last one comes to its end. Dying half-way costs nothing: what
/// was added stands, and the rest is added by the next turn.
#[derive(Debug)]
pub struct RotationJob(pub Issuers);

#[async_trait]
impl Job for RotationJob {
    fn name(&self) -> &'static str {
        "rotation"
    }

    async fn run_once(&self) -> anyhow::Result<Next> {
        self.0.rotate_all().await?;
        Ok(Next::After(INTERVAL))
    }
}
