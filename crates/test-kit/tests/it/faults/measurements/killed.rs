//! SIGKILL of aggregators, two of which share the work, at random instants and at every fault point: what they publish
//! is, record by record, what one publishes that nobody kills.

use std::{collections::BTreeMap, os::unix::process::ExitStatusExt as _, time::Duration};

use chrono::{DateTime, Utc};
use rand::{Rng as _, rngs::StdRng};
use serde_json::Value;
use service_kit::event_log::NewRecord;
use test_kit::measurements::{
    crowd::{Crowd, Measured},
    site::{DEFAULT_CHANNEL, Hurt, Lane, Site},
};
use tokio::process::Child;

use super::{FIRST_EPOCH, LONG_AGO, Stage, after, default_lane, during, on, records, terms};
use crate::faults::{
    kills::KILLS_VARIABLE,
    scene::{asked, random},
};

/// How many kills there are at least: two rounds; `./test long` asks for more.
const KILLS: u64 = 40;

/// How many messages come in the half of a round whose kills are at points, to all partitions.
const MESSAGES: usize = 4_500;

/// How many come in the half whose kills are at random instants: reading them must take some time.
const MORE_MESSAGES: usize = 12_000;

/// How many kills come at random instants in the half of a round that has them.
const RANDOM_KILLS: usize = 8;

/// A kill comes within so many milliseconds after a start. On engines, a start takes longer.
const PAUSE_MILLIS_MAX: u64 = 200;

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
const POINTS_AT_THE_END: [&str; 7] = [
    "star-epoch-read",
    "star-epoch-reported",
    "star-epoch-dropped",
    "star-epoch-closed",
    "relay-positioned",
    "relay-published",
    "relay-deleted",
];

const SIGKILL: i32 = 9;

/// How many values clients measure that a flood may drop, and how many measure each before it and after it: too few, and
/// with the others enough.
const VALUES: usize = 120;
const BEFORE: usize = 4;
const AFTER: usize = 6;
const WHOLE: u64 = 10;

/// How many messages a flood has, each with a value of its own.
const FLOOD: usize = 2_400;

/// How many bytes of messages may wait: about 450 messages. Each of the eight partitions gets less, and all together six times as many: so
/// the level must be raised three times, by one each time.
const PENDING_BYTES_MAX: u64 = 400_000;

/// See [`PENDING_BYTES_MAX`].
const RAISED: usize = 3;

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

    /// Has one die at each point: where it comes once for each partition, the first or the second time.
    async fn at_points(&mut self, points: &[&'static str], at: DateTime<Utc>) {
        for point in points {
            let times = if point.starts_with("star-") {
                self.random.gen_range(1..=2)
            } else {
                1
            };
            self.at_point(point, times, at).await;
        }
    }

    async fn at_point(&mut self, point: &'static str, times: u64, at: DateTime<Utc>) {
        let hurt = Hurt {
            point,
            times,
            signal: "KILL",
        };
        let ended = self.start(at, Some(hurt)).wait_with_output().await.unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        let signal = ended.status.signal();
        assert_eq!(signal, Some(SIGKILL), "{point}, {times}: {said}");
        self.kills += 1;
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
        // Each with messages of its own: to come to a point, there must be something left to do.
        for is_at_points in [true, false] {
            let at = during(&lane.channel, epoch);
            let over = after(&lane.channel, epoch);
            let end = during(&lane.channel, over);
            let messages = if is_at_points {
                MESSAGES
            } else {
                MORE_MESSAGES
            };
            let records = records(&mut crowd, at, messages);
            stage.site.append(&records).await.unwrap();
            unhurt.append(&on(&other_lane, &records)).await.unwrap();

            if is_at_points {
                victims.at_points(&POINTS, at).await;
                stage.site.finish(&lane, at).await.unwrap();
                victims.at_points(&POINTS_AT_THE_END, end).await;
            } else {
                victims.at_random_instants(at).await;
                stage.site.finish(&lane, at).await.unwrap();
            }
            stage.site.finish(&lane, end).await.unwrap();
            for calendar in [at, end] {
                unhurt.finish(&other_lane, calendar).await.unwrap();
            }
            epoch = over + 1;
        }
    }

    stage.figures.kills = victims.kills;
    let reports = stage.compare(&lane, &crowd.truth().unwrap()).await;
    let without_kills = unhurt.reports(&other_lane).await.unwrap();
    assert_eq!(reports, without_kills);
    stage.settle();
}

/// The records of so many clients with each of these values.
fn of_each(
    crowd: &mut Crowd,
    values: impl Iterator<Item = String>,
    clients: usize,
    at: DateTime<Utc>,
) -> Vec<NewRecord> {
    let mut records = Vec::new();
    for value in values {
        let measured = Measured {
            epoch: FIRST_EPOCH,
            threshold: None,
            texts: [0, 1, 2]
                .map(|layer| format!("layer{layer}|{value}"))
                .into(),
        };
        for _client in 0..clients {
            let sent = crowd.honest(&measured);
            records.push(crowd.record(&sent, at).unwrap());
        }
    }
    records
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_an_aggregator_that_drops_what_is_too_much_leaves_each_value_whole_or_absent() {
    let mut stage = Stage::set().await;
    let mut terms = terms(LONG_AGO);
    terms.set("limits.pending_bytes_max", PENDING_BYTES_MAX);
    let lane = stage.site.lane(DEFAULT_CHANNEL, &terms).await.unwrap();
    let mut crowd = Crowd::new(&lane.channel, 0);
    let at = during(&lane.channel, FIRST_EPOCH);
    let values = || (0..VALUES).map(|value| format!("value {value}"));
    let flood = (0..FLOOD).map(|number| format!("flood {number}"));
    for records in [
        of_each(&mut crowd, values(), BEFORE, at),
        of_each(&mut crowd, flood, 1, at),
    ] {
        stage.site.append(&records).await.unwrap();
    }
    let mut victims = Victims {
        site: &stage.site,
        lane: &lane,
        random: random(),
        kills: 0,
    };

    for _level in 0..RAISED {
        victims.at_point("star-groups-dropped", 1, at).await;
    }
    stage.figures.kills = victims.kills;
    stage.site.finish(&lane, at).await.unwrap();
    let mut database = stage.site.database().await.unwrap();
    let sums = [
        "SUM(bytes) FROM star_pending",
        "SUM(waiting_bytes) FROM star_group",
    ];
    let mut waiting = Vec::new();
    for sum in sums {
        waiting.push(database.number(&format!("SELECT {sum}")).await.unwrap());
    }
    let records = of_each(&mut crowd, values(), AFTER, at);
    stage.site.append(&records).await.unwrap();
    stage.site.finish(&lane, at).await.unwrap();
    let end = during(&lane.channel, after(&lane.channel, FIRST_EPOCH));
    stage.site.finish(&lane, end).await.unwrap();

    assert_eq!(waiting[0], waiting[1]);
    assert!((1..=PENDING_BYTES_MAX).contains(&waiting[0]), "{waiting:?}");
    let mut counted = BTreeMap::new();
    for (name, total) in stage.site.reports(&lane).await.unwrap().totals {
        let members: BTreeMap<String, Value> = serde_json::from_str(&name).unwrap();
        let value = members["layer0"].as_str().unwrap();
        *counted.entry(value.to_owned()).or_default() += total;
    }
    assert!((1..VALUES).contains(&counted.len()), "{}", counted.len());
    let whole = counted.keys().map(|value| (value.clone(), WHOLE)).collect();
    stage.figures.compare(&whole, &counted);
    stage.settle();
}
