//! SIGKILL of aggregators, two of which share the work, at random instants and at every fault point: what they publish
//! is, record by record, what one publishes that nobody kills.

use std::{os::unix::process::ExitStatusExt as _, time::Duration};

use chrono::{DateTime, Utc};
use rand::{Rng as _, rngs::StdRng};
use test_kit::measurements::{
    crowd::Crowd,
    site::{Hurt, Lane, Site},
};
use tokio::process::Child;

use super::{FIRST_EPOCH, Stage, after, default_lane, during, on, records};
use crate::faults::{
    kills::KILLS_VARIABLE,
    scene::{asked, random},
};

/// How many kills there are at least; `./test long` asks for more.
const KILLS: u64 = 20;

/// How many messages come in each round: several batches for each partition.
const MESSAGES: usize = 9_000;

/// How many kills of a round come at random instants, while messages are read.
const RANDOM_KILLS: usize = 8;

/// A kill comes within so many milliseconds after a start. On engines, a start takes longer.
const PAUSE_MILLIS_MAX: u64 = 500;

/// See [`PAUSE_MILLIS_MAX`].
const PAUSE_MILLIS_MAX_ON_ENGINES: u64 = 2_500;

/// What is between the steps of a batch, and of publishing, in order: a kill at one of them leaves the others to do.
const POINTS: [&str; 10] = [
    "star-batch-read",
    "star-batch-opened",
    "star-batch-stored",
    "relay-lease-taken",
    "relay-publisher-opened",
    "relay-watermark-read",
    "relay-positioned",
    "relay-rows-loaded",
    "relay-published",
    "relay-deleted",
];

/// What is between the steps of the end of an epoch, and of publishing its last reports.
const POINTS_AT_THE_END: [&str; 5] = [
    "star-epoch-read",
    "star-epoch-closed",
    "relay-positioned",
    "relay-published",
    "relay-deleted",
];

const SIGKILL: i32 = 9;

/// Whoever is killed.
struct Victims<'a> {
    site: &'a Site,
    lane: &'a Lane,
    random: StdRng,
    kills: u64,
}

impl Victims<'_> {
    fn start(&self, at: DateTime<Utc>, hurt: Option<Hurt>) -> Child {
        self.site.start_run(self.lane, at, hurt).unwrap()
    }

    /// Kills one of two at random instants, each of which is replaced at once.
    async fn at_random_instants(&mut self, at: DateTime<Utc>) {
        let longest = if self.site.is_on_engines() {
            PAUSE_MILLIS_MAX_ON_ENGINES
        } else {
            PAUSE_MILLIS_MAX
        };
        let mut two = [self.start(at, None), self.start(at, None)];
        for _kill in 0..RANDOM_KILLS {
            let pause = self.random.gen_range(0..longest);
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let victim = self.random.gen_range(0..two.len());
            // Whoever had nothing left to do is no victim.
            if two[victim].try_wait().unwrap().is_none() {
                two[victim].kill().await.unwrap();
                self.kills += 1;
            }
            two[victim] = self.start(at, None);
        }
        for mut one in two {
            one.kill().await.unwrap();
        }
    }

    /// Has one die at each point, the first or the second time that it comes there.
    async fn at_points(&mut self, points: &[&'static str], at: DateTime<Utc>) {
        for point in points {
            let hurt = Hurt {
                point,
                times: self.random.gen_range(1..=2),
                signal: "KILL",
            };
            let ended = self.start(at, Some(hurt)).wait_with_output().await.unwrap();
            if ended.status.signal() == Some(SIGKILL) {
                self.kills += 1;
                continue;
            }
            // There was too little left to come there so often.
            let said = String::from_utf8_lossy(&ended.stderr);
            assert!(ended.status.success(), "{point}: {said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_aggregators_at_any_instant_changes_no_record_that_they_publish() {
    let mut stage = Stage::set().await;
    let unhurt = Site::new(&stage.dir().join("unhurt")).await.unwrap();
    let (lane, other_lane) = (default_lane(&stage.site).await, default_lane(&unhurt).await);
    let mut crowd = Crowd::new(&lane.channel, 0);
    let mut victims = Victims {
        site: &stage.site,
        lane: &lane,
        random: random(),
        kills: 0,
    };
    let mut epoch = FIRST_EPOCH;
    while victims.kills < asked(KILLS_VARIABLE, KILLS) {
        let at = during(&lane.channel, epoch);
        let over = after(&lane.channel, epoch);
        let end = during(&lane.channel, over);
        let records = records(&mut crowd, at, MESSAGES);
        stage.site.append(&records).await.unwrap();
        unhurt.append(&on(&other_lane, &records)).await.unwrap();

        victims.at_random_instants(at).await;
        victims.at_points(&POINTS, at).await;
        stage.site.finish(&lane, at).await.unwrap();
        victims.at_points(&POINTS_AT_THE_END, end).await;
        stage.site.finish(&lane, end).await.unwrap();
        for calendar in [at, end] {
            unhurt.finish(&other_lane, calendar).await.unwrap();
        }
        epoch = over + 1;
    }

    stage.figures.kills = victims.kills;
    let reports = stage.compare(&lane, &crowd.truth().unwrap()).await;
    let without_kills = unhurt.reports(&other_lane).await.unwrap();
    assert_eq!(reports, without_kills);
    stage.settle();
}
