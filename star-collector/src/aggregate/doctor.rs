//! `star-collector aggregate doctor`: what the aggregator needs, one line each.

use anyhow::{Context as _, ensure};
use clock::Clock;
use secrecy::ExposeSecret as _;
use service_kit::{
    doctor::{DatabaseOf, LogOf, Report, database, event_log, position},
    event_log::{self as log, EventLog},
};

use super::{
    Config,
    assembly::LINE,
    serving::uses,
    store::{self, Store},
};
use crate::{channels::described, domain::channel::Channel};

/// Looks at everything that the aggregator needs.
pub async fn examine(config: &Config, clock: &Clock) -> Report {
    let mut report = Report::default();
    let channel = match config.channel.channel() {
        Ok(channel) => channel,
        Err(error) => {
            report.note("channel", Err(error));
            return report;
        }
    };
    report.note("channel", described(&channel, clock.now()));
    let bounds = config.limits.limits();
    let bounds = bounds.map(|limits| format!("{} messages in a batch", limits.batch_messages));
    report.note("limits", bounds);

    let of_messages = DatabaseOf {
        what: "database",
        url: config.database.url.expose_secret(),
        schema: store::SCHEMA,
    };
    let has_database = database(&mut report, of_messages, clock).await;
    let log = LogOf {
        url: config.event_log.url.expose_secret(),
        access: &config.log_access(),
        uses: &uses(&channel),
        publishes: true,
    };
    let Some(log) = event_log(&mut report, log, clock).await else {
        return report;
    };
    for topic in [&channel.input_topic, &channel.output_topic] {
        let found = partitions(&*log, topic, config.event_log.partitions).await;
        report.note(format!("partitions of {topic}"), found);
    }
    if has_database {
        positions(&mut report, config, &*log, &channel).await;
    }
    report
}

/// Whether a topic has the partitions that the settings say.
async fn partitions(log: &dyn EventLog, topic: &str, wanted: u32) -> anyhow::Result<String> {
    let found = match log.partitions(topic).await {
        Err(log::Error::UnknownTopic(_)) => return Ok(format!("{wanted}, once it is made")),
        found => found?,
    };
    ensure!(
        found == wanted,
        "it has {found}: set event_log.partitions, which says {wanted}"
    );
    Ok(found.to_string())
}

async fn positions(report: &mut Report, config: &Config, log: &dyn EventLog, channel: &Channel) {
    let store = match store::open(config.database.url.expose_secret()).await {
        Ok(store) => store,
        Err(error) => {
            report.note("positions", Err(error));
            return;
        }
    };
    position(report, "outbox", &*store.outbox(), log, LINE).await;
    let topic = &channel.input_topic;
    report.note(
        format!("reading {topic}"),
        reading(&*store, log, topic).await,
    );
    store.close().await;
}

/// How far a topic was read. An error where the log does not have what was read.
async fn reading(store: &dyn Store, log: &dyn EventLog, topic: &str) -> anyhow::Result<String> {
    let (mut read, mut there) = (0, 0);
    for (partition, position) in store.positions(topic).await? {
        let bounds = log.bounds(topic, partition).await?;
        ensure!(
            bounds.start <= position && position <= bounds.end,
            "position {position} of partition {partition} lies outside the log, which has {} to {}: put the old log \
             back, or give the aggregator an empty database",
            bounds.start,
            bounds.end
        );
        read += position;
        there += bounds.end;
    }
    // Which log that was is remembered with the first look at it; asked before, it would be remembered now.
    if read > 0 {
        let identity = log.identity().await?;
        let is_known = store.is_known_log(&identity).await;
        ensure!(
            is_known.context("the log's identity cannot be compared")?,
            "the event log is another one than was read so far: put the old log back, or give the aggregator an empty \
             database"
        );
    }
    Ok(format!("{read} of {there}"))
}
