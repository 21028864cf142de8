//! Measurements are counted exactly: each message of clients that enough others agree with is reported once, and nothing
//! else, whoever dies, sleeps or takes over. star-collector's parts are real processes, on files or on engines.

mod exact;
mod held;
mod killed;
mod pipeline;
mod restored;

use std::path::Path;

use blindtally::system::Settings;
use chrono::{DateTime, DurationRound as _, SecondsFormat, TimeDelta, Utc};
use clock::Clock;
use service_kit::event_log::NewRecord;
use star_collector::domain::channel::Channel;
use tempfile::TempDir;
use test_kit::{
    engines,
    measurements::{
        Reports, Totals,
        crowd::Crowd,
        site::{DEFAULT_CHANNEL, Lane, Site},
    },
};
use tokio::sync::SemaphorePermit;

use super::{
    figures::Figures,
    scene::{asked, room},
};

/// How many messages a test has; `./test long` asks for more.
const MESSAGES_VARIABLE: &str = "BLINDTALLY_MESSAGES";

/// One message of so many is sent twice.
const REPEATED_ONE_OF: usize = 40;

/// The first epoch that a test lives in: numbers on the wire begin anew after 255.
pub(crate) const FIRST_EPOCH: u64 = 254;

/// A site, and what hurts it.
struct Stage {
    site: Site,
    figures: Figures,
    dir: TempDir,
    _room: SemaphorePermit<'static>,
}

impl Stage {
    async fn set() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let room = room(engines::are_given()).await;
        Self {
            site: Site::new(&dir.path().join("site")).await.unwrap(),
            figures: Figures::default(),
            dir,
            _room: room,
        }
    }

    fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Lays what was reported of a channel next to the truth.
    async fn compare(&mut self, lane: &Lane, truth: &Totals) -> Reports {
        let reports = self.site.reports(lane).await.unwrap();
        assert!(!truth.is_empty() && has_partial(truth), "{}", truth.len());
        self.figures.compare(truth, &reports.totals);
        reports
    }

    /// Prints the figures, which must be even.
    fn settle(self) {
        let figures = self.figures;
        println!("{figures}");
        println!("all faults so far: {}", figures.add_to_sum());
        assert_eq!((figures.lost, figures.double), (0, 0));
        assert_eq!(figures.counted, figures.accepted);
    }
}

/// Whether something must be reported with its outer layers only.
fn has_partial(truth: &Totals) -> bool {
    truth.keys().any(|name| !name.contains("layer2"))
}

/// The rules of the default channel, with epochs from `base` on.
pub(crate) fn terms(base: &str) -> Settings {
    let mut terms = Settings::default();
    terms
        .set("channel.k", 5)
        .set("channel.threshold_min", 4)
        .set("channel.threshold_max", 20)
        .set("channel.layers", 3)
        .set("channel.epoch_base_time", base)
        .set("channel.epoch_hours", 24);
    terms
}

/// When epochs begin that have nothing to do with today.
pub(crate) const LONG_AGO: &str = "2025-03-03T00:00:00Z";

/// When epochs begin, if it is noon of [`FIRST_EPOCH`] now.
pub(crate) fn begun_before_now() -> String {
    let hour = Clock::system().now().duration_trunc(TimeDelta::hours(1));
    let noon = TimeDelta::days(FIRST_EPOCH.try_into().unwrap()) + TimeDelta::hours(12);
    (hour.unwrap() - noon).to_rfc3339_opts(SecondsFormat::Secs, true)
}

async fn default_lane(site: &Site) -> Lane {
    site.lane(DEFAULT_CHANNEL, &terms(LONG_AGO)).await.unwrap()
}

/// A time in the middle of an epoch.
pub(crate) fn during(channel: &Channel, epoch: u64) -> DateTime<Utc> {
    let epochs = &channel.epochs;
    epochs.base + epochs.length * i32::try_from(epoch).unwrap() + epochs.length / 2
}

/// The first epoch in which all that `epoch` takes is over.
pub(crate) fn after(channel: &Channel, epoch: u64) -> u64 {
    epoch + u64::from(channel.epochs.alive)
}

/// Records of so many new messages at a time, some of them twice.
fn records(crowd: &mut Crowd, at: DateTime<Utc>, messages: usize) -> Vec<NewRecord> {
    let mut records = Vec::new();
    for number in 0..messages {
        let sent = crowd.message(at).unwrap();
        let record = crowd.record(&sent, at).unwrap();
        if number % REPEATED_ONE_OF == 0 {
            records.push(record.clone());
        }
        records.push(record);
    }
    records
}

/// The same records on the topic of another site.
fn on(lane: &Lane, records: &[NewRecord]) -> Vec<NewRecord> {
    let moved = records.iter().map(|record| NewRecord {
        topic: lane.channel.input_topic.clone(),
        ..record.clone()
    });
    moved.collect()
}

fn messages(otherwise: usize) -> usize {
    asked(MESSAGES_VARIABLE, otherwise)
}
