//! A process that is held while another takes over its work, and wakes up later.

use std::{
    fs,
    time::{Duration, Instant},
};

use blindtally::system::ServiceName;
use test_kit::{
    Stores,
    fleet::{LEASE_SECONDS, Setup},
};
use tokio::time::sleep;

use super::scene::Scene;

/// How often each kind is held at least, and at most: mostly, whoever is held had a batch in its hands, and finds that another
/// process was faster.
const ROUNDS: std::ops::Range<usize> = 2..12;

/// A service that starts begins its work within this time.
const AT_WORK_WITHIN: Duration = Duration::from_secs(4);

/// The other has started, the lease is over, and it has taken it.
const HELD: Duration = Duration::from_secs(LEASE_SECONDS + 4);

/// Whoever wakes up finds out so soon.
const FOUND_OUT_WITHIN: Duration = Duration::from_secs(2);

/// Work that one of two processes does at a time.
struct Work {
    service: ServiceName,
    /// Where the leases are.
    database: &'static str,
    /// What the names of its leases are like.
    lease: &'static str,
    /// What a process says that finds itself shut out.
    signs: &'static [&'static str],
}

const WORKS: [Work; 2] = [
    Work {
        service: ServiceName::Payments,
        database: "payments-votes.db",
        lease: "outbox",
        signs: &[
            "another publisher took over",
            "the lease was taken over by another process",
        ],
    },
    Work {
        service: ServiceName::Tally,
        database: "tally.db",
        lease: "read:%",
        signs: &["another process has taken the batch"],
    },
];

impl Work {
    /// Waits until somebody is at work.
    async fn begins(&self, stores: &Stores) {
        let mut database = stores.open(self.database).await.unwrap();
        let started = Instant::now();
        while started.elapsed() < AT_WORK_WITHIN {
            let now = chrono::Utc::now().timestamp_millis();
            let held = format!(
                "SELECT count(*) FROM lease WHERE name LIKE '{}' AND until_ms > {now}",
                self.lease
            );
            if database.number(&held).await.unwrap() > 0 {
                return;
            }
            sleep(Duration::from_millis(2)).await;
        }
    }

    /// How often processes found themselves shut out, by their logs.
    fn shut_out(&self, scene: &Scene) -> usize {
        let logs = (0..scene.fleet.copies(self.service)).map(|copy| {
            let log = format!("{}-{copy}.log", self.service);
            fs::read_to_string(scene.fleet.layout().file(&log)).unwrap()
        });
        let is_sign = |line: &&str| self.signs.iter().any(|sign| line.contains(sign));
        logs.map(|log| log.lines().filter(is_sign).count()).sum()
    }

    /// Holds a process in the middle of its work while another takes over, and lets it go on.
    async fn hold(&self, scene: &mut Scene, stores: &Stores) {
        // Whoever starts begins with what waits.
        scene.renew(self.service, 0).await;
        self.begins(stores).await;
        let held = scene.fleet.process(self.service, 0).unwrap();
        held.signal("STOP").await.unwrap();
        // This one publishes what waits, so that there is something to take over. Whoever is held may have locked the file that
        // it starts on.
        scene.renew(ServiceName::Payments, 1).await;
        sleep(HELD).await;
        let held = scene.fleet.process(self.service, 0).unwrap();
        held.signal("CONT").await.unwrap();
        scene.heal().await;
        sleep(FOUND_OUT_WITHIN).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_or_consumer_that_wakes_up_late_neither_repeats_nor_loses_anything() {
    let setup = Setup {
        copies: 2,
        ..Setup::default()
    };
    let mut scene = Scene::start(setup).await;
    let stores = Stores::of(scene.fleet.layout().dir(), scene.fleet.engines());

    for work in WORKS {
        let mut rounds = 0;
        while rounds < ROUNDS.start || rounds < ROUNDS.end && work.shut_out(&scene) == 0 {
            work.hold(&mut scene, &stores).await;
            rounds += 1;
        }
        let shut_out = work.shut_out(&scene);
        println!(
            "{}: held {rounds} times, shut out {shut_out} times",
            work.service
        );
        assert!(
            shut_out > 0,
            "{}: nobody was held in the middle of its work",
            work.service
        );
    }

    scene.settle().await;
}
