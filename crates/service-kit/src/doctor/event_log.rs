//! The event log: its file or its brokers, its topics and what we may do with them, and the positions in it.

use std::{path::Path, sync::Arc};

use anyhow::Context as _;
use clock::Clock;
use uuid::Uuid;

use super::{Report, client_tls, database::tables, files, server};
use crate::{
    db::migrator,
    event_log::{self, Access, EventLog, PublisherId, TopicUse, embedded},
    outbox::{self, Outbox},
    tls::probe::Opening,
};

/// The name of a line of publications that has none.
const NAME: &str = "doctor";

/// The event log of a service.
#[derive(Clone, Copy, Debug)]
pub struct LogOf<'a> {
    /// Where it is.
    pub url: &'a str,
    /// As whom the service comes.
    pub access: &'a Access,
    /// What it does with topics.
    pub uses: &'a [TopicUse],
    /// Whether it publishes in transactions, as whoever has an outbox does.
    pub publishes: bool,
}

/// Looks at the log, and answers it if it is there.
pub async fn event_log(
    report: &mut Report,
    log: LogOf<'_>,
    clock: &Clock,
) -> Option<Arc<dyn EventLog>> {
    let is_there = match log.url.split_once(':') {
        Some(("embedded", path)) => file(report, Path::new(path)).await,
        Some(("kafka", brokers)) => cluster(report, brokers, log.access, clock).await,
        _ => report.note("event log", Err(event_log::Error::Url.into())),
    };
    if !is_there {
        return None;
    }
    let opened = match event_log::open(log.url, log.access).await {
        Ok(opened) => opened,
        Err(error) => {
            report.note("event log", Err(error.into()));
            return None;
        }
    };
    let is_cluster = log.url.starts_with("kafka:");
    if is_cluster && !is_let_in(report, &*opened, &log.access.prefix).await {
        return None;
    }
    for one in log.uses {
        topic(report, &*opened, one, is_cluster).await;
    }
    if is_cluster && log.publishes {
        publishing(report, &*opened, &log.access.prefix).await;
    }
    Some(opened)
}

/// Whether the brokers take our certificate, and let us have groups. Answers whether there is more to ask them.
async fn is_let_in(report: &mut Report, log: &dyn EventLog, prefix: &str) -> bool {
    let checked = log.check(&[]).await;
    let is_refused = matches!(checked, Err(event_log::Error::Connection(_)));
    let found = checked.map(|()| format!("we are let in, and may have groups {prefix}.*"));
    report.note("event log: access", found.map_err(Into::into));
    !is_refused
}

async fn file(report: &mut Report, path: &Path) -> bool {
    let what = "event log";
    files::room(report, what, path);
    files::database_file(report, what, path)
        && tables(report, what, path, &migrator(embedded::SCRIPTS)).await
}

async fn cluster(report: &mut Report, brokers: &str, access: &Access, clock: &Clock) -> bool {
    if !client_tls(report, "event log: certificate", &access.tls, clock) {
        return false;
    }
    let mut any = false;
    for broker in brokers.split(',') {
        let reached = (broker, &access.tls);
        any |= server(report, "event log: broker", reached, Opening::Tls, clock).await;
    }
    any
}

/// Whether a topic is there, and whether we may do with it what we do.
async fn topic(report: &mut Report, log: &dyn EventLog, one: &TopicUse, is_cluster: bool) {
    let does = match (one.reads, one.writes) {
        (true, true) => "is read and written",
        (true, false) => "is read",
        (false, true) => "is written",
        (false, false) => "is there",
    };
    let found = match log.check(std::slice::from_ref(one)).await {
        Err(event_log::Error::UnknownTopic(_)) if !is_cluster => {
            Ok("is made at the first start".to_owned())
        }
        checked => checked.map(|()| does.to_owned()).map_err(Into::into),
    };
    report.note(format!("topic {}", one.topic), found);
}

/// Whether we may publish in transactions, as outboxes do. The id is one that no outbox has.
async fn publishing(report: &mut Report, log: &dyn EventLog, prefix: &str) {
    // The topic of positions, by which the log keeps them.
    let positions = TopicUse::read(format!("{prefix}.positions"));
    topic(report, log, &positions, true).await;
    let id = PublisherId {
        name: NAME.to_owned(),
        generation: Uuid::nil(),
    };
    let opened = log.publisher(&id).await;
    let found = opened.map(|_| format!("transactional ids {prefix}.* may be used"));
    report.note("event log: publishing", found.map_err(Into::into));
}

/// Whether an outbox and the log agree how far it was published under `line`.
pub async fn position(
    report: &mut Report,
    what: &str,
    outbox: &dyn Outbox,
    log: &dyn EventLog,
    line: &str,
) {
    let compared = outbox::compare(outbox, log, line).await;
    let found = compared.map(|(state, watermark)| {
        format!(
            "{watermark} of {} published, {} wait",
            state.counter, state.waiting
        )
    });
    report.note(
        what,
        found.context("outbox and log cannot be compared, or disagree"),
    );
}
