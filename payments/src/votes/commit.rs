//! Group commit: votes that arrive while another write is on its way share the next one.
//!
//! A write to the disk takes milliseconds whether it holds one vote or two hundred. Nobody waits on purpose.

use std::{sync::Arc, time::Duration};

use service_kit::{
    group::{Group, GroupError, GroupLimits},
    telemetry::Alarm,
};

use super::intake::IntakeParts;
use crate::domain::vote::RedeemedVote;

/// The most votes in one transaction: its lock is held for some milliseconds, not for seconds.
const BATCH_VOTES_MAX: usize = 256;

/// Writes votes together.
#[derive(Clone, Debug)]
pub struct Committer(Group<RedeemedVote, ()>);

/// The write failed; whether it took effect is not known. The client repeats its request.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the vote could not be recorded")]
pub struct NotRecorded;

impl Committer {
    /// A committer that writes to the store of an intake.
    pub fn new(parts: &IntakeParts) -> Self {
        let limits = GroupLimits {
            lanes: 1,
            batch_max: BATCH_VOTES_MAX,
            waiting_max: parts.in_work_max,
            gather: Duration::ZERO,
        };
        let store = Arc::clone(&parts.store);
        let alarm = Arc::new(Alarm::new("votes-not-recorded"));
        let write = move |votes: Vec<RedeemedVote>| {
            let (store, alarm) = (Arc::clone(&store), Arc::clone(&alarm));
            async move {
                let recorded = store.record(&votes).await;
                match &recorded {
                    Ok(()) => alarm.clear(),
                    Err(error) => alarm.raise(error),
                }
                vec![recorded.map_err(|_| GroupError::Failed); votes.len()]
            }
        };
        let (clock, shutdown) = (parts.clock.clone(), parts.shutdown.clone());
        Self(Group::new(limits, clock, shutdown, write))
    }

    /// Records `vote`; returns when it is durable.
    pub async fn commit(&self, vote: RedeemedVote) -> Result<(), NotRecorded> {
        self.0.submit(vote).await.map_err(|_| NotRecorded)
    }
}
