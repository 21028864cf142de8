//! From the request to the topic, dying at every step (threat T11): no vote is lost, none is there twice, and none is
//! there whose tokens were not redeemed.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;
use messages::{
    avro::{Record as _, Vote as Event},
    problem::Slug,
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use service_kit::{
    event_log::{self, EventLog, TopicSettings},
    fault::{Crashed, FaultPoints},
    outbox::{Ran, Relay, RelayError, RelayParts, Schedule, Shuffle, Stop},
};
use sqlx::Connection as _;

use super::{Intake, Refusal, VoteRules, testing::Bench};
use crate::{
    domain::vote::{
        Vote,
        tests::{credential, vote_for},
    },
    new_generation::new_generation,
    store::votes::{SqliteVotes, VotesDatabase as _},
};

const LINE: &str = "payments-votes";

const TOPIC: &str = "test.payment.vote";

/// Every place at which the program can die between a request and its event.
const POINTS: [&str; 9] = [
    "vote-redeemed",
    "vote-recorded",
    "relay-lease-taken",
    "relay-publisher-opened",
    "relay-watermark-read",
    "relay-positioned",
    "relay-rows-loaded",
    "relay-published",
    "relay-deleted",
];

struct Pipeline {
    bench: Bench,
    log: Arc<dyn EventLog>,
    faults: FaultPoints,
}

impl Pipeline {
    async fn new(faults: FaultPoints) -> Self {
        let bench = Bench::new().await;
        let url = format!("embedded:{}", bench.folder.path().join("log.db").display());
        let log = event_log::open(&url, &event_log::Access::default())
            .await
            .unwrap();
        let settings = TopicSettings {
            partitions: 2,
            retention: TimeDelta::days(400),
        };
        log.ensure_topic(TOPIC, settings).await.unwrap();
        Self { bench, log, faults }
    }

    /// A client that repeats its bytes until it knows.
    async fn cast(&self, vote: &Vote) -> Result<(), Slug> {
        for _ in 0..100 {
            let mut parts = self.bench.parts();
            parts.faults = self.faults.clone();
            match Intake::new(parts).take(vote.clone()).await {
                Ok(()) => return Ok(()),
                Err(refused @ (Refusal::Final(_) | Refusal::Invalid(_))) => {
                    return Err(refused.slug());
                }
                Err(Refusal::Stopped | Refusal::TryAgain(_)) => {}
            }
        }
        panic!("the vote is never taken");
    }

    /// What a relay does that was just started.
    async fn run_relay(&self) -> Result<Ran, RelayError> {
        let mut relay = Relay::new(RelayParts {
            name: LINE.to_owned(),
            outbox: self.bench.store.outbox(),
            log: Arc::clone(&self.log),
            clock: self.bench.clock.clone(),
            schedule: Schedule::Every(TimeDelta::hours(1)),
            batch_rows_max: 2,
            lease_lasts: Duration::from_millis(1),
            shuffle: Shuffle::Random,
            faults: self.faults.clone(),
        });
        // The lease of one that died runs out meanwhile.
        tokio::time::sleep(Duration::from_millis(2)).await;
        relay.run_once().await
    }

    /// A relay that is started again whenever it dies, until it has nothing to do.
    async fn relay(&self) {
        for _ in 0..100 {
            match self.run_relay().await {
                Ok(Ran::Published(0)) => return,
                Ok(Ran::Published(_) | Ran::NotMine) | Err(_) => {}
            }
        }
        panic!("the relay never comes to an end");
    }

    /// Goes on with the votes' database that is in the file `backup`.
    async fn restore(&mut self, backup: &Path) {
        let url = format!("sqlite:{}", backup.display());
        let store = SqliteVotes::open(&url, TOPIC.to_owned(), VoteRules::default());
        self.bench.store = store.await.unwrap();
    }

    /// All events on the topic.
    async fn events(&self) -> Vec<Event> {
        let mut consumer = self
            .log
            .consumer(TOPIC, vec![(0, 0), (1, 0)])
            .await
            .unwrap();
        let mut events = Vec::new();
        while let Some(batch) = consumer.next().await.unwrap() {
            let decoded = batch
                .records
                .iter()
                .map(|record| Event::decode(&record.value).unwrap());
            events.extend(decoded);
        }
        events
    }

    /// The ids of all events on the topic.
    async fn ids(&self) -> Vec<String> {
        self.events()
            .await
            .into_iter()
            .map(|event| event.id)
            .collect()
    }

    /// The tally of each event on the topic, by its id; fails when one is there twice.
    async fn published(&self) -> BTreeMap<String, i64> {
        let mut published = BTreeMap::new();
        for event in self.events().await {
            let twice = published.insert(event.id, event.vote_tally);
            assert_eq!(twice, None, "an event came twice");
        }
        published
    }

    /// Everything that was redeemed is on the topic, once, and nothing else.
    async fn assert_complete(&self, votes: usize, what: &str) {
        let published = self.published().await;
        assert_eq!(published.len(), votes, "{what}");
        let tally: i64 = published.values().sum();
        assert_eq!(tally.unsigned_abs(), self.bench.registry.spent(), "{what}");
        assert_eq!(self.bench.recorded().await.0, 0, "{what}: nothing waits");
    }
}

fn vote(n: u8) -> Vote {
    vote_for(
        "example.com",
        &[credential(1, 2 * n), credential(1, 2 * n + 1)],
    )
    .unwrap()
}

#[tokio::test]
async fn a_crash_at_any_one_step_loses_and_repeats_nothing() {
    for point in POINTS {
        let died = Arc::new(AtomicBool::new(false));
        let of_plan = Arc::clone(&died);
        let pipeline = Pipeline::new(FaultPoints::planned(move |name| {
            if name == point && !of_plan.swap(true, Ordering::SeqCst) {
                return Err(Crashed(name));
            }
            Ok(())
        }))
        .await;

        for n in 0..5 {
            pipeline.cast(&vote(n)).await.unwrap();
        }
        pipeline.relay().await;

        assert!(died.load(Ordering::SeqCst), "{point} was never reached");
        pipeline.assert_complete(5, point).await;
    }
}

#[tokio::test]
async fn crashes_at_random_steps_lose_and_repeat_nothing() {
    for seed in 0..12 {
        let dice = std::sync::Mutex::new(StdRng::seed_from_u64(seed));
        let crashes = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&crashes);
        let pipeline = Pipeline::new(FaultPoints::planned(move |name| {
            if dice.lock().unwrap().gen_bool(0.15) {
                counted.fetch_add(1, Ordering::SeqCst);
                return Err(Crashed(name));
            }
            Ok(())
        }))
        .await;

        for n in 0..12 {
            pipeline.cast(&vote(n)).await.unwrap();
            if n % 3 == 0 {
                pipeline.relay().await;
            }
        }
        pipeline.relay().await;

        assert!(
            crashes.load(Ordering::SeqCst) > 0,
            "seed {seed} crashes nothing"
        );
        pipeline.assert_complete(12, &format!("seed {seed}")).await;
    }
}

#[tokio::test]
async fn a_refused_vote_leaves_no_event() {
    let pipeline = Pipeline::new(FaultPoints::default()).await;
    pipeline.cast(&vote(0)).await.unwrap();
    let altered = vote_for("example.org", &[credential(1, 0), credential(1, 1)]).unwrap();

    assert_eq!(
        pipeline.cast(&altered).await,
        Err(Slug::TokenAlreadyRedeemed)
    );
    pipeline.relay().await;

    pipeline.assert_complete(1, "one vote").await;
}

#[tokio::test]
async fn a_vote_that_is_repeated_after_its_publication_is_not_published_again() {
    let pipeline = Pipeline::new(FaultPoints::default()).await;
    pipeline.cast(&vote(0)).await.unwrap();
    pipeline.relay().await;

    pipeline.cast(&vote(0)).await.unwrap();
    pipeline.relay().await;

    pipeline.assert_complete(1, "one vote").await;
}

#[tokio::test]
async fn a_counted_refusal_would_be_seen_as_an_event_without_redemption() {
    let pipeline = Pipeline::new(FaultPoints::default()).await;
    *pipeline.bench.registry.refuses.lock().unwrap() = Some(Slug::BadSignature);
    let mut parts = pipeline.bench.parts();
    parts.rules.redemption = |key, answer| {
        answer.or_else(|_refused| {
            Ok(messages::challenge_bypass::RedemptionResponse {
                outcome: messages::challenge_bypass::RedemptionOutcome::First,
                issuer: key.issuer.clone(),
                redeemed_total: 0,
            })
        })
    };

    Intake::new(parts).take(vote(0)).await.unwrap();
    pipeline.relay().await;

    assert_eq!(pipeline.published().await.len(), 1);
    assert_eq!(pipeline.bench.registry.spent(), 0);
}

#[tokio::test]
async fn a_restored_votes_database_stops_the_relay_until_it_gets_a_new_generation() {
    let mut pipeline = Pipeline::new(FaultPoints::default()).await;
    pipeline.cast(&vote(0)).await.unwrap();
    pipeline.relay().await;
    pipeline.cast(&vote(1)).await.unwrap();
    let backup = pipeline.bench.folder.path().join("backup.db");
    let file = format!("sqlite:{}", pipeline.bench.store.db().path().display());
    let mut connection = sqlx::SqliteConnection::connect(&file).await.unwrap();
    sqlx::query("VACUUM INTO ?1")
        .bind(backup.to_str().unwrap())
        .execute(&mut connection)
        .await
        .unwrap();
    pipeline.relay().await;
    assert_eq!(pipeline.published().await.len(), 2);
    pipeline.restore(&backup).await;

    let stopped = pipeline.run_relay().await.unwrap_err();
    assert!(matches!(
        stopped,
        RelayError::Stopped(Stop::AboveCounter {
            watermark: 2,
            counter: 1
        })
    ));
    let outbox = pipeline.bench.store.outbox();
    let published = new_generation(&*outbox, &*pipeline.log, LINE)
        .await
        .unwrap();
    pipeline.relay().await;

    // What was taken in after the backup comes out again, and readers know it by its id.
    assert_eq!(published, 2);
    assert_eq!(pipeline.ids().await.len(), 3);
    let distinct: std::collections::BTreeSet<_> = pipeline.ids().await.into_iter().collect();
    assert_eq!(distinct.len(), 2);
}
