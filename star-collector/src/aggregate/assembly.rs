//! An aggregator, put together from its settings.

use std::sync::Arc;

use chrono::TimeDelta;
use secrecy::ExposeSecret as _;
use service_kit::{
    event_log::{EventLog, TopicSettings},
    outbox::{BATCH_ROWS_MAX, Relay, RelayParts, Schedule, Shuffle},
    shutdown::Shutdown,
};

use super::{config::Config, rules::Rules, store, worker::Parts};
use crate::{Deps, domain::channel::Channel};

/// Names the aggregator's line of publications in the event log.
pub(super) const LINE: &str = "star-aggregate";

/// Opens the database and the log, and makes the topics where nobody else does.
pub async fn open(config: &Config, deps: Deps, shutdown: Shutdown) -> anyhow::Result<Parts> {
    let store = store::open(config.database.url.expose_secret()).await?;
    let log = config.open_log().await?;
    let channel = config.channel.channel()?;
    ensure_topics(log.as_ref(), config, &channel).await?;
    Ok(Parts {
        channel,
        store,
        log,
        clock: deps.clock,
        limits: config.limits.limits()?,
        rules: Rules::default(),
        lease_lasts: config.lease_lasts(),
        shutdown,
        faults: deps.faults,
    })
}

/// What publishes the outbox.
pub fn relay(parts: &Parts) -> Relay {
    Relay::new(RelayParts {
        name: LINE.to_owned(),
        outbox: parts.store.outbox(),
        log: Arc::clone(&parts.log),
        clock: parts.clock.clone(),
        schedule: Schedule::Every(TimeDelta::minutes(1)),
        batch_rows_max: BATCH_ROWS_MAX,
        lease_lasts: parts.lease_lasts,
        shuffle: Shuffle::Random,
        faults: parts.faults.clone(),
    })
}

async fn ensure_topics(
    log: &dyn EventLog,
    config: &Config,
    channel: &Channel,
) -> anyhow::Result<()> {
    let settings = TopicSettings {
        partitions: config.event_log.partitions,
        retention: TimeDelta::days(config.event_log.retention_days.into()),
    };
    for topic in [&channel.input_topic, &channel.output_topic] {
        log.ensure_topic(topic, settings).await?;
    }
    Ok(())
}
