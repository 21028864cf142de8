//! The aggregator, run whenever somebody says so.

use std::fmt;

use clock::Clock;
use service_kit::{fault::FaultPoints, outbox::Relay, shutdown::Shutdown};
use star_collector::{
    Deps,
    aggregate::{
        Config, assembly,
        summary::Summary,
        worker::{Parts, Worker},
    },
};
use tokio::sync::Mutex;

/// An aggregator.
pub struct Aggregator {
    parts: Parts,
    /// One for all runs: it holds the outbox's lease from one to the next.
    relay: Mutex<Relay>,
}

impl Aggregator {
    pub(super) async fn open(config: &Config, clock: &Clock) -> anyhow::Result<Self> {
        let deps = Deps {
            clock: clock.clone(),
            faults: FaultPoints::default(),
        };
        let parts = assembly::open(config, deps, Shutdown::default()).await?;
        let relay = assembly::relay(&parts);
        Ok(Self {
            parts,
            relay: Mutex::new(relay),
        })
    }

    /// Reads every partition to its end, opens what can be opened, closes the epochs that are over, and publishes.
    pub async fn run_once(&self) -> anyhow::Result<Summary> {
        let worker = Worker::new(self.parts.clone(), Box::new(|_, _| {}));
        let summary = worker.run().await?;
        self.relay.lock().await.run_once().await?;
        Ok(summary)
    }

    pub(super) async fn close(&self) {
        self.parts.store.close().await;
        self.parts.log.close().await;
    }
}

/// Shows its channel's name.
impl fmt::Debug for Aggregator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Aggregator")
            .field(&self.parts.channel.name)
            .finish()
    }
}
