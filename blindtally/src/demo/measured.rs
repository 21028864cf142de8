//! Measurements: clients that report, forgers among them, and what of it is opened.
//!
//! In each of some epochs, everybody measures; in the next one, the messages are sent. Some clients go the whole way by
//! themselves: randomness over HTTPS, a file, collect over HTTPS. The others are a crowd in one process, whose randomness is
//! the service's too, so that its messages fall into the groups of the real clients.

mod attackers;
mod books;
mod clients;
mod crowd;
mod population;

use std::{collections::BTreeMap, path::Path};

use chrono::{DateTime, TimeDelta, Utc};
use client::transport::{MeasurementHeaders, Request};
use clock::Clock;
use tokio::task::JoinSet;

use super::raids::Act;
use crate::system::{Collector, CollectorRules, Part};

pub use books::Measurements;
pub(super) use books::{Opened, check};
pub(super) use population::Population;

/// How many clients must agree.
const K: u32 = 50;

/// Epochs last for a week, and begin on Mondays: the month begins in the middle of the first.
const EPOCH_HOURS: u32 = 168;

/// From the beginning of the first epoch to that of the month.
const BEFORE: TimeDelta = TimeDelta::days(3);

/// In so many epochs something is measured: the last one is closed within the month.
const EPOCHS: u8 = 3;

/// The channel that everybody reports to.
const CHANNEL: &str = "typical";

/// What clients say to be.
const VERSION: &str = "3";

/// The aggregator runs once a day: at this time, and not longer than it has anything to do.
const RUN_AT: TimeDelta = TimeDelta::minutes(3 * 60 + 15);

/// See [`RUN_AT`].
const RUNS: i64 = 34;

/// What was done and what was made of it, added up.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Measured {
    /// Measurements that collect took.
    pub(super) sent: u64,
    /// Messages that must not count, by the reason.
    pub(super) planted: BTreeMap<&'static str, u64>,
    /// Messages that collect did not take, by the reason.
    pub(super) refused: BTreeMap<&'static str, u64>,
    /// What the aggregator's runs did.
    pub(super) runs: Runs,
    /// Clients that died and went on.
    pub(super) crashes: u64,
}

/// What the aggregator's runs did.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Runs {
    /// Messages that were read.
    pub(super) consumed: u64,
    /// Messages whose outer layer was opened.
    pub(super) opened: u64,
    /// Messages that were not counted, by the reason.
    pub(super) rejected: BTreeMap<&'static str, u64>,
}

impl Measured {
    /// Adds what somebody else did.
    pub(super) fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.crashes += other.crashes;
        self.runs.consumed += other.runs.consumed;
        self.runs.opened += other.runs.opened;
        for (all, counts) in [
            (&mut self.planted, other.planted),
            (&mut self.refused, other.refused),
            (&mut self.runs.rejected, other.runs.rejected),
        ] {
            for (reason, count) in counts {
                *all.entry(reason).or_default() += count;
            }
        }
    }
}

/// The rules of a month that begins at `start`.
pub(super) fn rules(start: DateTime<Utc>) -> CollectorRules {
    CollectorRules {
        base: start - BEFORE,
        epoch_hours: EPOCH_HOURS,
        k: K,
        layers: population::LAYERS,
    }
}

/// When an epoch begins.
fn begins(rules: &CollectorRules, epoch: u8) -> DateTime<Utc> {
    rules.base + TimeDelta::hours(rules.epoch_hours.into()) * i32::from(epoch)
}

/// A message as it is sent to the channel.
fn request(message: &str, threshold: u32) -> Request {
    Request {
        measurement: Some(MeasurementHeaders {
            version: VERSION,
            threshold,
        }),
        ..Request::post(format!("/{CHANNEL}"), message.as_bytes().to_vec())
    }
}

/// Sends everybody on their way.
pub(super) fn spawn(
    actors: &mut JoinSet<anyhow::Result<Act>>,
    collector: &Collector,
    population: &Population,
    (clock, start): (&Clock, DateTime<Utc>),
    folder: &Path,
) -> anyhow::Result<()> {
    let randomness = collector.transport(Part::Randomness)?;
    let collect = collector.transport(Part::Collect)?;
    let rules = collector.rules();
    for client in clients::of(population, &rules, start, folder) {
        let settings = client.settings(&randomness, &collect, clock);
        // Counted as running before the calendar may move.
        let busy = clock.busy();
        actors.spawn(async move { Ok(Act::measured(client.live(settings, busy).await?)) });
    }
    for epoch in 0..EPOCHS {
        let crowd = crowd::Crowd {
            epoch,
            rules,
            seed: population.seed(),
            measurements: population.of_crowd(epoch),
            is_attacked: population.has_crowd(epoch),
            texts: population::texts(),
            randomness: randomness.clone(),
            collect: collect.clone(),
        };
        let busy = clock.busy();
        actors.spawn(async move { Ok(Act::measured(crowd.live(start, busy).await?)) });
    }
    let (aggregator, mut busy) = (collector.aggregator(), clock.busy());
    actors.spawn(async move {
        let mut runs = Runs::default();
        for day in 0..RUNS {
            busy.sleep_until(start + TimeDelta::days(day) + RUN_AT)
                .await;
            let tally = aggregator.run_once().await?.tally;
            runs.consumed += tally.consumed;
            runs.opened += tally.opened;
            for (reason, count) in tally.rejected {
                *runs.rejected.entry(reason.name()).or_default() += count;
            }
        }
        Ok(Act::measured(Measured {
            runs,
            ..Measured::default()
        }))
    });
    Ok(())
}
