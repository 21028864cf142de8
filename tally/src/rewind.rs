//! `tally rewind`: what an operator runs when the event log is lost for good (threat T19).
//!
//! Positions are good for one log only. In another one reading begins at its start; what was counted before
//! is known by its id, and counts once.

use std::time::Duration;

use anyhow::{bail, ensure};
use clock::real::unix_millis;
use service_kit::event_log::{self, Offset};

use crate::{Parts, store::Place};

/// The lease of a process that was killed runs out within this time.
const TRIES_MAX: u32 = 60;

/// Where reading of a partition goes on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rewound {
    /// The partition.
    pub place: Place,
    /// How far the old log was read.
    pub before: Offset,
    /// Where the log begins.
    pub start: Offset,
    /// Where it ends.
    pub end: Offset,
}

/// Has reading begin at the start of the log that is there now.
///
/// Refused while the positions are good for it: then nothing was lost, and there is no reason to.
pub async fn rewind(parts: &Parts) -> anyhow::Result<Vec<Rewound>> {
    let identity = parts.log.identity().await?;
    let rewound = partitions(parts).await?;
    let lies_outside = |one: &Rewound| one.before < one.start || one.end < one.before;
    ensure!(
        !parts.store.is_known_log(&identity).await? || rewound.iter().any(lies_outside),
        "this is the log that was read so far, and it has every position: there is nothing to rewind"
    );
    let starts: Vec<_> = rewound
        .iter()
        .map(|one| (one.place.clone(), one.start))
        .collect();
    for _ in 0..TRIES_MAX {
        if parts
            .store
            .rewind(&identity, &starts, unix_millis())
            .await?
        {
            return Ok(rewound);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    bail!("a running tally reads the topics: stop it first")
}

/// All partitions that are read, as they are now.
async fn partitions(parts: &Parts) -> anyhow::Result<Vec<Rewound>> {
    let topics = &parts.topics;
    let mut found = Vec::new();
    for topic in [&topics.vote, &topics.funds, &topics.directory] {
        let partitions = match parts.log.partitions(topic).await {
            // Its writer has not started yet.
            Err(event_log::Error::UnknownTopic(_)) => 0,
            partitions => partitions?,
        };
        for partition in 0..partitions {
            let bounds = parts.log.bounds(topic, partition).await?;
            let place = Place {
                topic: topic.clone(),
                partition,
            };
            found.push(Rewound {
                before: parts.store.position(&place).await?,
                place,
                start: bounds.start,
                end: bounds.end,
            });
        }
    }
    Ok(found)
}
