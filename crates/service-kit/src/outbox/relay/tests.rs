mod slots;

use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::TimeDelta;

use super::*;
use crate::outbox::{
    contract::Fixture as _,
    new_generation,
    testing::{Service, TOPIC},
};

/// Every fault point of the relay.
const POINTS: [&str; 7] = [
    "relay-lease-taken",
    "relay-publisher-opened",
    "relay-watermark-read",
    "relay-positioned",
    "relay-rows-loaded",
    "relay-published",
    "relay-deleted",
];

async fn parts(service: &Service, log: &str) -> RelayParts {
    RelayParts {
        name: "test".to_owned(),
        outbox: service.outbox(),
        log: service.log(log).await,
        clock: Clock::system(),
        schedule: Schedule::Every(TimeDelta::seconds(1)),
        batch_rows_max: 10,
        lease_lasts: Duration::from_millis(40),
        shuffle: Shuffle::Random,
        faults: FaultPoints::default(),
    }
}

/// What the topic holds, sorted.
async fn published(log: &dyn EventLog) -> Vec<u64> {
    let from = (0..log.partitions(TOPIC).await.unwrap())
        .map(|p| (p, 0))
        .collect();
    let mut consumer = log.consumer(TOPIC, from).await.unwrap();
    let mut values = Vec::new();
    while let Some(batch) = consumer.next().await.unwrap() {
        for record in batch.records {
            values.push(u64::from_be_bytes((*record.value).try_into().unwrap()));
        }
    }
    values.sort_unstable();
    values
}

/// A plan to die at a point, when it was passed so often.
fn dies_at(point: &'static str, hit: usize) -> FaultPoints {
    let passed = AtomicUsize::new(0);
    FaultPoints::planned(move |name| {
        let dies = name == point && passed.fetch_add(1, Ordering::Relaxed) == hit;
        if dies { Err(Crashed(name)) } else { Ok(()) }
    })
}

async fn write(service: &Service, rows: std::ops::Range<u64>) {
    for n in rows {
        service.write(n).await;
    }
}

/// Runs new relays until one has nothing left to do.
async fn settle(parts: &RelayParts) {
    for _ in 0..100 {
        if Relay::new(parts.clone()).run_once().await.unwrap() == Ran::Published(0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the relay never came to an end");
}

fn all(count: u64) -> Vec<u64> {
    (0..count).collect()
}

#[tokio::test]
async fn what_waits_is_published_once_and_then_gone() {
    let service = Service::start().await;
    write(&service, 0..48).await;
    let parts = parts(&service, "log.db").await;
    let mut relay = Relay::new(parts.clone());

    assert_eq!(relay.run_once().await.unwrap(), Ran::Published(48));
    assert_eq!(relay.run_once().await.unwrap(), Ran::Published(0));

    assert_eq!(published(&*parts.log).await, all(48));
    let state = parts.outbox.state().await.unwrap();
    assert_eq!((state.lowest, state.waiting, state.counter), (None, 0, 48));
}

#[tokio::test]
async fn a_crash_after_any_step_loses_and_repeats_nothing() {
    for point in POINTS {
        for hit in 0..3_usize {
            let service = Service::start().await;
            write(&service, 0..25).await;
            let parts = parts(&service, "log.db").await;
            let mut dying = Relay::new(RelayParts {
                faults: dies_at(point, hit),
                ..parts.clone()
            });
            let mut died = false;
            let runs = 25..=25 + hit as u64;
            for n in runs.clone() {
                // Without anything new, a run would pass no point.
                write(&service, n..n + 1).await;
                died |= matches!(dying.run_once().await, Err(RelayError::Crashed(_)));
            }
            assert!(died, "{point}, time {hit}");
            drop(dying);
            write(&service, runs.end() + 1..30).await;

            settle(&parts).await;

            assert_eq!(published(&*parts.log).await, all(30), "{point}, time {hit}");
            assert_eq!(
                parts.outbox.state().await.unwrap().lowest,
                None,
                "{point}, time {hit}"
            );
        }
    }
}

#[tokio::test]
async fn while_one_relays_another_does_not() {
    let service = Service::start().await;
    write(&service, 0..20).await;
    let parts = parts(&service, "log.db").await;
    let claim = Claim::now(Holder::random(), Duration::from_mins(1));
    let lease = parts.outbox.take_lease(claim).await.unwrap().unwrap();
    let mut relay = Relay::new(parts.clone());

    assert_eq!(relay.run_once().await.unwrap(), Ran::NotMine);
    parts.outbox.release_lease(&lease).await.unwrap();
    assert_eq!(relay.run_once().await.unwrap(), Ran::Published(20));

    assert_eq!(published(&*parts.log).await, all(20));
}

/// A relay that sleeps at one point for longer than its lease, while another does all the work.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_wakes_up_after_its_lease_writes_nothing() {
    for point in POINTS {
        let service = Arc::new(Service::start().await);
        write(&service, 0..30).await;
        let parts = parts(&service, "log.db").await;
        let successor = parts.clone();
        let handle = tokio::runtime::Handle::current();
        let faults = FaultPoints::planned(move |name| {
            if name == point {
                let (successor, handle) = (successor.clone(), handle.clone());
                // On a thread of its own: this plan is called from within the runtime.
                std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_millis(60));
                    handle.block_on(async {
                        let _ran = Relay::new(successor).run_once().await.unwrap();
                    });
                })
                .join()
                .unwrap();
            }
            Ok(())
        });
        let paused = RelayParts {
            faults,
            ..parts.clone()
        };

        let zombie = Relay::new(paused).run_once().await;

        assert!(
            !matches!(zombie, Err(RelayError::Stopped(_))),
            "{point}: {zombie:?}"
        );
        settle(&parts).await;
        assert_eq!(published(&*parts.log).await, all(30), "{point}");
    }
}

#[tokio::test]
async fn relays_that_race_lose_and_repeat_nothing() {
    let service = Service::start().await;
    let parts = RelayParts {
        lease_lasts: Duration::from_millis(1),
        ..parts(&service, "log.db").await
    };
    let relay = |parts: RelayParts| async move {
        let mut relay = Relay::new(parts);
        for _ in 0..25 {
            let ran = relay.run_once().await;
            assert!(!matches!(ran, Err(RelayError::Stopped(_))), "{ran:?}");
        }
    };

    tokio::join!(
        write(&service, 0..100),
        relay(parts.clone()),
        relay(parts.clone()),
        relay(parts.clone()),
    );
    tokio::time::sleep(Duration::from_millis(5)).await;
    settle(&parts).await;

    assert_eq!(published(&*parts.log).await, all(100));
}

#[tokio::test]
async fn a_log_made_anew_stops_the_relay() {
    let service = Service::start().await;
    write(&service, 0..3).await;
    settle(&parts(&service, "log.db").await).await;
    write(&service, 3..6).await;

    let other = parts(&service, "other.db").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let stopped = Relay::new(other.clone()).run_once().await;

    assert!(matches!(
        stopped,
        Err(RelayError::Stopped(Stop::Missing { counter: 3 }))
    ));
    assert_eq!(published(&*other.log).await, all(0));
}

#[tokio::test]
async fn a_restored_outbox_stops_the_relay() {
    let service = Service::start().await;
    let parts = parts(&service, "log.db").await;
    write(&service, 0..3).await;
    settle(&parts).await;
    let mut tx = service.db.begin().await.unwrap();
    sqlx::query("UPDATE outbox_state SET counter = 2")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();

    tokio::time::sleep(Duration::from_millis(50)).await;
    let stopped = Relay::new(parts).run_once().await;

    let expected = Stop::AboveCounter {
        watermark: 3,
        counter: 2,
    };
    assert!(matches!(stopped, Err(RelayError::Stopped(stop)) if stop == expected));
}

#[tokio::test]
async fn a_restored_log_stops_the_relay() {
    let service = Service::start().await;
    let parts = parts(&service, "log.db").await;
    write(&service, 0..3).await;
    settle(&parts).await;
    let state = parts.outbox.state().await.unwrap();
    // The log of an earlier day: it has the outbox's first record only.
    let older = RelayParts {
        log: service.log("older.db").await,
        ..parts
    };
    let id = PublisherId {
        name: older.name.clone(),
        generation: state.generation,
    };
    older
        .log
        .publisher(&id)
        .await
        .unwrap()
        .publish(1, Vec::new())
        .await
        .unwrap();

    tokio::time::sleep(Duration::from_millis(50)).await;
    let stopped = Relay::new(older).run_once().await;

    let expected = Stop::BelowLowest {
        watermark: 1,
        lowest: 3,
    };
    assert!(matches!(stopped, Err(RelayError::Stopped(stop)) if stop == expected));
    assert!(expected.to_string().contains("new-generation"));
}

#[tokio::test]
async fn a_stopped_relay_fails_readiness_until_the_outbox_has_a_new_generation() {
    let service = Service::start().await;
    write(&service, 0..3).await;
    settle(&parts(&service, "log.db").await).await;
    write(&service, 3..6).await;
    let other = parts(&service, "other.db").await;
    let (job, health) = crate::outbox::RelayJob::new("relay", other.clone());
    health.check().unwrap();

    crate::jobs::Job::run_once(&job).await.unwrap_err();
    let instruction = health.check().unwrap_err().to_string();
    assert!(instruction.contains("new-generation"), "{instruction}");

    let dropped = new_generation(&*other.outbox, &*other.log, &other.name).await;
    assert_eq!(dropped.unwrap(), 0);
    crate::jobs::Job::run_once(&job).await.unwrap();
    health.check().unwrap();
    assert_eq!(published(&*other.log).await, [3, 4, 5]);
}
