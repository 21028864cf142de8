//! Keeping messages: what waits is appended to the log together, and answered when it is durable.

use std::sync::Arc;

use chrono::{DateTime, SubsecRound as _, Timelike as _, Utc};
use clock::Clock;
use service_kit::{
    event_log::{self, Appender, EventLog, Header, NewRecord},
    fault::{Crashed, FaultPoints},
    group::{Group, GroupError, GroupLimits},
    shutdown::Shutdown,
    telemetry::Alarm,
};
use tokio::sync::Mutex;

use super::{channels::Counted, error::Error, message::Checked};
use crate::domain::channel::RECORD_THRESHOLD_HEADER;

/// Messages cannot be appended.
static EVENT_LOG: Alarm = Alarm::new("star-collect-append");

/// A message on its way to the topic of its channel.
struct Waiting {
    channel: Arc<Counted>,
    message: Checked,
}

/// Appends messages.
#[derive(Clone, Debug)]
pub(super) struct Intake(Group<Waiting, Result<(), Error>>);

/// What appending needs.
#[derive(Clone, Debug)]
pub(super) struct IntakeParts {
    pub(super) log: Arc<dyn EventLog>,
    pub(super) clock: Clock,
    pub(super) shutdown: Shutdown,
    pub(super) faults: FaultPoints,
    pub(super) limits: GroupLimits,
}

impl Intake {
    pub(super) fn new(parts: IntakeParts) -> Self {
        let writer = Arc::new(Writer {
            log: parts.log,
            clock: parts.clock.clone(),
            faults: parts.faults,
            appender: Mutex::new(None),
        });
        Self(Group::new(
            parts.limits,
            parts.clock,
            parts.shutdown,
            move |batch| {
                let writer = Arc::clone(&writer);
                async move { writer.append(batch).await }
            },
        ))
    }

    /// Keeps a message. What it answers `Ok` for is durable; after [`Error::NotKept`] it may be kept all the same, and
    /// may come again: the aggregator counts a message once.
    pub(super) async fn keep(&self, channel: Arc<Counted>, message: Checked) -> Result<(), Error> {
        self.0.submit(Waiting { channel, message }).await?
    }
}

/// Writes batches, one after the other.
#[derive(Debug)]
struct Writer {
    log: Arc<dyn EventLog>,
    clock: Clock,
    faults: FaultPoints,
    /// After any error it is made anew.
    appender: Mutex<Option<Box<dyn Appender>>>,
}

impl Writer {
    async fn append(&self, batch: Vec<Waiting>) -> Vec<Result<Result<(), Error>, GroupError>> {
        let at = coarse(self.clock.now());
        let mut records = Vec::new();
        let mut answers = Vec::new();
        for Waiting { channel, message } in batch {
            let channel = &channel.entrance.channel;
            // By the time that the record gets: the aggregator judges by the same, and takes what is taken here.
            answers.push(if channel.epochs.of(message.epoch, at).is_some() {
                records.push(record(&channel.input_topic, message, at));
                Ok(())
            } else {
                Err(Error::Epoch)
            });
        }
        let written = self.write(&records).await;
        if let Err(error) = &written {
            EVENT_LOG.raise(error);
        }
        let answer = |answer: Result<(), Error>| match answer {
            Ok(()) if written.is_err() => Err(GroupError::Failed),
            answer => Ok(answer),
        };
        answers.into_iter().map(answer).collect()
    }

    async fn write(&self, records: &[NewRecord]) -> Result<(), NotWritten> {
        if records.is_empty() {
            return Ok(());
        }
        let mut kept = self.appender.lock().await;
        // Out of its place until it has succeeded: a panic leaves none behind either.
        let mut appender = match kept.take() {
            Some(appender) => appender,
            None => self.log.appender().await?,
        };
        self.faults.at("star-collect-batch")?;
        appender.append(records).await?;
        self.faults.at("star-collect-appended")?;
        *kept = Some(appender);
        EVENT_LOG.clear();
        Ok(())
    }
}

/// Why a batch is not known to be written.
#[derive(Debug, thiserror::Error)]
enum NotWritten {
    #[error(transparent)]
    Crashed(#[from] Crashed),
    #[error(transparent)]
    Log(#[from] event_log::Error),
}

/// A time to the minute: a finer one would tell messages of one client from others that came later.
fn coarse(now: DateTime<Utc>) -> DateTime<Utc> {
    let now = now.trunc_subsecs(0);
    now.with_second(0).unwrap_or(now)
}

fn record(topic: &str, message: Checked, at: DateTime<Utc>) -> NewRecord {
    let threshold = message.threshold.map(|threshold| Header {
        name: RECORD_THRESHOLD_HEADER.to_owned(),
        value: threshold.to_le_bytes().to_vec(),
    });
    NewRecord {
        topic: topic.to_owned(),
        key: message.tag.to_vec(),
        value: message.bytes,
        headers: threshold.into_iter().collect(),
        timestamp: at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_cut_to_the_minute() {
        let at = |text: &str| coarse(text.parse().unwrap()).to_rfc3339();

        assert_eq!(at("2026-11-05T10:59:59.999Z"), "2026-11-05T10:59:00+00:00");
        assert_eq!(at("2026-11-05T11:00:00Z"), "2026-11-05T11:00:00+00:00");
    }
}
