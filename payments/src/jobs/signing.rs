//! Finishes the signing of blinded tokens that were stored and not signed.
//!
//! challenge-bypass may have been down, or the process may have died in between. The request's id is
//! made from the item and the points, so asking again is not counted again.

use std::collections::HashSet;

use async_trait::async_trait;
use chrono::TimeDelta;
use service_kit::jobs::{Job, Next};

use crate::{challenge_bypass, error::Error, signing::Signing};

/// How many items are read at once.
const PAGE: u32 = 50;

/// How long the job waits before it tries again what could not be signed.
const PAUSE: TimeDelta = TimeDelta::minutes(1);

/// How long it waits when nothing was left to sign: a client that repeats its request is faster.
const IDLE: TimeDelta = TimeDelta::minutes(15);

/// The job.
#[derive(Debug)]
pub struct SigningJob {
    /// Asks and stores.
    pub signing: Signing,
}

#[async_trait]
impl Job for SigningJob {
    fn name(&self) -> &'static str {
        "signing"
    }

    async fn run_once(&self) -> anyhow::Result<Next> {
        let mut after = None;
        let mut next = Next::After(IDLE);
        let mut unanswered = HashSet::new();
        loop {
            let page = self.signing.store.unsigned(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.item);
            for unsigned in page {
                if unanswered.contains(&unsigned.sku) {
                    continue;
                }
                let Err(error) = self.signing.finish(&unsigned).await else {
                    continue;
                };
                next = Next::After(PAUSE);
                if let Error::Signing(challenge_bypass::Error::Unreachable(_)) = error {
                    // An issuer without a key answers for none of its items; the others may have one.
                    unanswered.insert(unsigned.sku);
                } else {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "tokens that were paid for could not be signed and will be tried again"
                    );
                }
            }
        }
        Ok(next)
    }
}

#[cfg(test)]
mod tests;
