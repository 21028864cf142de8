//! star-collector as `up` runs it: short epochs and a small crowd, so that one person sees something opened.

use std::{path::Path, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use clock::Clock;
use service_kit::shutdown::Shutdown;
use star_collector::aggregate::summary::Summary;

use crate::system::{Aggregator, Collector, CollectorRules, Engines};

/// How many clients must agree, which one person can be.
pub(super) const K: u32 = 3;

/// How many layers a measurement has.
pub(super) const LAYERS: usize = 2;

/// An epoch lasts for an hour: whoever waits for the next one does not wait for long.
const EPOCH_HOURS: u32 = 1;

/// How soon after a run the next one begins.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Starts it in a folder of its own in `data`, with its tables made.
pub(super) async fn start(data: &Path, engines: Option<&Engines>) -> anyhow::Result<Collector> {
    if let Some(engines) = engines {
        engines.migrate_measurements().await?;
    }
    let rules = CollectorRules {
        // Numbers of epochs must not move with a start.
        base: DateTime::<Utc>::UNIX_EPOCH,
        epoch_hours: EPOCH_HOURS,
        k: K,
        layers: LAYERS,
    };
    let dir = data.join("star-collector");
    Collector::start(&dir, rules, engines, &Clock::system()).await
}

/// Runs the aggregator again and again until the order to stop, and has each run told that did something. A run that
/// fails changes nothing that the next one would not put right.
pub(super) async fn aggregate(aggregator: Arc<Aggregator>, shutdown: Shutdown, tell: fn(&Summary)) {
    while !shutdown.has_begun() {
        match aggregator.run_once().await {
            Ok(summary) => {
                if summary.tally.consumed > 0 || summary.epochs_closed > 0 {
                    tell(&summary);
                }
            }
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(error, "a run of the aggregator failed and will be repeated");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(AGAIN_AFTER) => {}
            () = shutdown.begun() => {}
        }
    }
}
