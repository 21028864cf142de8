//! The aggregator, run whenever somebody says so.

use std::{fmt, sync::Arc};

use chrono::TimeDelta;
use clock::Clock;
use secrecy::ExposeSecret as _;
use service_kit::{
    event_log::TopicSettings,
    fault::FaultPoints,
    outbox::{BATCH_ROWS_MAX, Relay, RelayParts, Schedule, Shuffle},
    shutdown::Shutdown,
};
use star_collector::aggregate::{
    Config, store,
    worker::{Parts, Summary, Worker},
};
use tokio::sync::Mutex;

/// Names its line of publications in the event log.
const LINE: &str = "star-aggregate";

/// An aggregator.
pub struct Aggregator {
    parts: Parts,
    /// One for all runs: it holds the outbox's lease from one to the next.
    relay: Mutex<Relay>,
}

impl Aggregator {
    pub(super) async fn open(config: &Config, clock: &Clock) -> anyhow::Result<Self> {
        let log = config.open_log().await?;
        let channel = config.channel.channel()?;
        let settings = TopicSettings {
            partitions: config.event_log.partitions,
            retention: TimeDelta::days(config.event_log.retention_days.into()),
        };
        for topic in [&channel.input_topic, &channel.output_topic] {
            log.ensure_topic(topic, settings).await?;
        }
        let parts = Parts {
            channel,
            store: store::open(config.database.url.expose_secret()).await?,
            log,
            clock: clock.clone(),
            limits: config.limits.limits()?,
            lease_lasts: config.lease_lasts(),
            shutdown: Shutdown::default(),
            faults: FaultPoints::default(),
        };
        let relay = Relay::new(RelayParts {
            name: LINE.to_owned(),
            outbox: parts.store.outbox(),
            log: Arc::clone(&parts.log),
            clock: parts.clock.clone(),
            schedule: Schedule::Every(TimeDelta::minutes(1)),
            batch_rows_max: BATCH_ROWS_MAX,
            lease_lasts: parts.lease_lasts,
            shuffle: Shuffle::Random,
            faults: parts.faults.clone(),
        });
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
