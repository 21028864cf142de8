//! Measurements are counted exactly though clients lie: of what an honest client measured, enough others agreeing, each message
//! is reported once, and nothing else is opened or counted (threat T13). star-collector's parts are real processes, on files or
//! on engines.

mod closed;
mod forged;
mod lies;
mod metrics;
mod replayed;

use std::collections::BTreeMap;

use blindtally::system::Settings;
use rand::{SeedableRng as _, rngs::StdRng};
use serde_json::Value;
use star_collector::aggregate::store::Rejection;
use tempfile::TempDir;
use test_kit::measurements::{
    Reports,
    crowd::{Crowd, Measured, Sent},
    site::{DEFAULT_CHANNEL, Lane, Site},
};

use crate::faults::measurements::{FIRST_EPOCH, LONG_AGO, after, during, terms};

/// The channel's threshold, as [`terms`] has it.
const K: usize = 5;

/// How many layers its messages have.
const LAYERS: usize = 3;

/// A site with one channel, and its clients.
struct Scene {
    site: Site,
    lane: Lane,
    crowd: Crowd,
    random: StdRng,
    /// What the runs so far did not count.
    rejected: BTreeMap<String, u64>,
    _dir: TempDir,
}

impl Scene {
    async fn start() -> Self {
        Self::with(&terms(LONG_AGO)).await
    }

    async fn with(terms: &Settings) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let site = Site::new(dir.path()).await.unwrap();
        let lane = site.lane(DEFAULT_CHANNEL, terms).await.unwrap();
        Self {
            crowd: Crowd::new(&lane.channel, 0),
            random: StdRng::seed_from_u64(7),
            rejected: BTreeMap::new(),
            site,
            lane,
            _dir: dir,
        }
    }

    /// So many clients that measured the same.
    fn honest(&mut self, measured: &Measured, clients: usize) -> Vec<Sent> {
        let send = |_| self.crowd.honest(measured);
        (0..clients).map(send).collect()
    }

    /// Has messages appended in an epoch, as collect does.
    async fn append_in(&self, epoch: u64, sent: &[Sent]) {
        let at = during(&self.lane.channel, epoch);
        let record = |sent| self.crowd.record(sent, at).unwrap();
        let records: Vec<_> = sent.iter().map(record).collect();
        self.site.append(&records).await.unwrap();
    }

    /// Runs in an epoch. What it did.
    async fn run_in(&mut self, epoch: u64) -> Value {
        let at = during(&self.lane.channel, epoch);
        let did = self.site.run(&self.lane, at).await.unwrap();
        assert_eq!(did["left_to_others"], 0);
        for (reason, count) in did["rejected"].as_object().unwrap() {
            *self.rejected.entry(reason.clone()).or_default() += count.as_u64().unwrap();
        }
        did
    }

    /// Runs when everything that came in an epoch is over.
    async fn close(&mut self, epoch: u64) -> Value {
        self.run_in(after(&self.lane.channel, epoch)).await
    }

    async fn reports(&self) -> Reports {
        self.site.reports(&self.lane).await.unwrap()
    }

    /// What the runs so far did not count must be this.
    fn assert_rejected(&self, expected: impl IntoIterator<Item = (Rejection, usize)>) {
        let expected = expected.into_iter().map(|(reason, count)| {
            let count = u64::try_from(count).unwrap();
            (reason.name().to_owned(), count)
        });
        assert_eq!(self.rejected, expected.collect());
    }

    /// What was reported must be what the honest measured.
    async fn assert_exact(&self) {
        let truth = self.crowd.truth().unwrap();
        assert!(!truth.is_empty());
        assert_eq!(self.reports().await.totals, truth);
    }
}

/// What clients measure that have a value of their own in the outer layer, in an epoch.
fn measured(epoch: u64, value: &str) -> Measured {
    Measured {
        epoch,
        threshold: None,
        texts: vec![
            format!("layer0|{value}"),
            "layer1|linux".to_owned(),
            "layer2|none".to_owned(),
        ],
    }
}
