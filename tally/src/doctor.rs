//! `tally doctor`: what the tally needs, one line each.

use std::sync::Arc;

use clock::Clock;
use secrecy::ExposeSecret as _;
use service_kit::{
    doctor::{
        DatabaseOf, LogOf, Report, bearer_tokens, database, event_log, position, secret, server_tls,
    },
    event_log::{self as log, EventLog},
};

use crate::{
    Config, LINE, directory_keys,
    health::Stop,
    intake::IntakeError,
    open_store,
    store::{self, Place, Store},
    topics::Topics,
};

/// Looks at everything that the tally needs.
pub async fn examine(config: &Config, clock: &Clock) -> Report {
    let mut report = Report::default();
    server_tls(&mut report, &config.http.tls, clock);
    bearer_tokens(&mut report, &config.auth);
    secret(
        &mut report,
        "secret: head key",
        &config.ledger.head_key_file,
    );
    let keys = directory_keys(config).map(|keys| format!("{} taken", keys.len()));
    report.note("directory keys", keys);

    let url = config.database.url.expose_secret();
    let of_ledger = DatabaseOf {
        what: "database",
        url,
        schema: store::SCHEMA,
    };
    let has_database = database(&mut report, of_ledger, clock).await;
    let topics = Topics::of(&config.environment);
    let log = LogOf {
        url: config.event_log.url.expose_secret(),
        access: &config.log_access(),
        uses: &topics.uses(),
        publishes: true,
    };
    let log = event_log(&mut report, log, clock).await;
    if let (Some(log), true) = (log, has_database) {
        match open_store(config).await {
            Ok(store) => positions(&mut report, &store, &*log, &topics).await,
            Err(error) => {
                report.note("positions", Err(error));
            }
        }
    }
    report
}

async fn positions(
    report: &mut Report,
    store: &Arc<dyn Store>,
    log: &dyn EventLog,
    topics: &Topics,
) {
    position(report, "outbox", &*store.outbox(), log, LINE).await;
    for topic in [&topics.vote, &topics.funds, &topics.directory] {
        let found = reading(&**store, log, topic).await;
        report.note(format!("reading {topic}"), found.map_err(Into::into));
    }
}

/// How far a topic was read. An error where the log does not have what was read.
async fn reading(
    store: &dyn Store,
    log: &dyn EventLog,
    topic: &str,
) -> Result<String, IntakeError> {
    let partitions = match log.partitions(topic).await {
        Ok(partitions) => partitions,
        Err(log::Error::UnknownTopic(_)) => return Ok("its writer has not started yet".to_owned()),
        Err(error) => return Err(error.into()),
    };
    let (mut read, mut there) = (0, 0);
    for partition in 0..partitions {
        let place = Place {
            topic: topic.to_owned(),
            partition,
        };
        // Before the log's end, which only grows.
        let position = store.position(&place).await?;
        let bounds = log.bounds(topic, partition).await?;
        Stop::check_position(&place, position, &bounds)?;
        read += position;
        there += bounds.end;
    }
    // Which log that was is remembered with the first look at it; asked before, it would be remembered now.
    if read > 0 && !store.is_known_log(&log.identity().await?).await? {
        return Err(Stop::OtherLog.into());
    }
    Ok(format!("{read} of {there}"))
}
