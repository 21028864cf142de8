//! A reporter against a randomness service and a collect in memory.

use std::{collections::BTreeSet, path::Path};

use chrono::TimeZone as _;
use clock::Simulation;
use star_constellation::api::server::aggregate;
use tokio::task::JoinSet;

use super::*;

mod fake;
use fake::{Fake, Fault};

/// Epochs last for an hour, and the tests begin in the middle of the third.
const EPOCH: TimeDelta = TimeDelta::hours(1);

fn base() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 5, 0, 0, 0).unwrap()
}

fn begin() -> (Clock, Simulation) {
    Clock::simulated(base() + TimeDelta::minutes(150))
}

fn reporter(name: &str, fake: &Arc<Fake>, path: &Path, crash_points: CrashPoints) -> Reporter {
    let settings = Settings {
        name: name.to_owned(),
        seed: 1,
        randomness: Arc::clone(fake) as Arc<dyn Transport>,
        collect: Arc::clone(fake) as Arc<dyn Transport>,
        clock: fake.clock.clone(),
        crash_points,
    };
    Reporter::start(settings, Kept::open(path).unwrap())
}

fn terms() -> Terms {
    Terms {
        channel: Some("typical".to_owned()),
        instance: None,
        threshold: 3,
    }
}

fn measurement() -> Measurement {
    Measurement::new([("metric", "uptime"), ("platform", "linux")]).unwrap()
}

#[tokio::test]
async fn messages_of_one_measurement_open_together_and_leave_in_the_next_epoch() {
    let (clock, mut simulation) = begin();
    let fake = Fake::new(&clock);
    let folder = tempfile::tempdir().unwrap();
    let mut clients = JoinSet::new();
    for name in ["a", "b", "c"] {
        let path = folder.path().join(name);
        let mut reporter = reporter(name, &fake, &path, CrashPoints::default());
        clients.spawn(async move {
            let when = When::NextEpoch;
            reporter
                .measure(&measurement(), &terms(), when)
                .await
                .unwrap();
            reporter.send(None).await.unwrap();
            assert_eq!(reporter.state().settled["taken"], 1);
            assert!(reporter.state().reports.is_empty());
        });
    }
    simulation.run_until(base() + EPOCH * 5).await;
    clients.join_all().await;

    let messages: Vec<_> = fake
        .bodies()
        .iter()
        .map(|body| STANDARD.decode(body).unwrap())
        .collect();
    let result = aggregate(&messages, 3, 2, 2);
    let [opened] = &result.outputs()[..] else {
        panic!("one measurement is opened")
    };
    assert_eq!(
        (opened.occurrences(), opened.value()),
        (3, vec!["platform|linux".to_owned()])
    );
    let times: BTreeSet<_> = fake.times().into_iter().collect();
    assert_eq!(times.len(), 3, "each leaves at a time of its own");
    assert!(
        times
            .iter()
            .all(|at| (base() + EPOCH * 3..base() + EPOCH * 4).contains(at))
    );
    let seen = fake.seen();
    let headers = seen.messages[0].1.measurement.unwrap();
    assert_eq!((headers.threshold, headers.version), (3, "3"));
    assert_eq!(seen.messages[0].1.path, "/typical");
}

#[tokio::test]
async fn a_message_is_kept_while_the_service_says_that_its_epoch_is_open() {
    let (clock, mut simulation) = begin();
    let fake = Fake::new(&clock);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("reports.json");
    let mut reporter = reporter("a", &fake, &path, CrashPoints::default());
    let when = When::NextEpoch;
    reporter
        .measure(&measurement(), &terms(), when)
        .await
        .unwrap();
    fake.plant(Fault::Lag);
    let mut sending = JoinSet::new();
    sending.spawn(async move { reporter.send(None).await });

    simulation
        .run_until(base() + EPOCH * 4 - TimeDelta::minutes(1))
        .await;
    assert!(fake.times().is_empty());
    fake.plant(Fault::Down);
    simulation.run_until(base() + EPOCH * 5).await;
    fake.mend(Fault::Down);
    fake.mend(Fault::Lag);
    simulation.run_until(base() + EPOCH * 7).await;

    sending.join_next().await.unwrap().unwrap().unwrap();
    let [at] = fake.times()[..] else {
        panic!("it is sent once")
    };
    assert!(at >= base() + EPOCH * 5);
}

#[tokio::test]
async fn after_a_crash_at_any_step_the_same_bytes_are_sent_until_they_are_taken() {
    for step in Step::OF_MEASUREMENTS {
        let (clock, mut simulation) = begin();
        let fake = Fake::new(&clock);
        fake.plant(Fault::LoseAnswers);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reports.json");
        let dies = CrashPoints::new(move |at| at == step);
        // It is busy before time goes on.
        let mut first = reporter("a", &fake, &path, dies);
        let life = {
            let fake = Arc::clone(&fake);
            async move {
                let made = first
                    .measure(&measurement(), &terms(), When::NextEpoch)
                    .await;
                let stopped = match made {
                    Ok(_) => first.send(None).await.unwrap_err(),
                    Err(error) => error,
                };
                assert!(matches!(stopped, Error::Crashed(_)));
                drop(first);
                let mut second = reporter("a", &fake, &path, CrashPoints::default());
                assert_eq!(second.state().reports.len(), 1);
                second.send(None).await.unwrap();
                second.state().settled["taken"]
            }
        };
        let mut lives = JoinSet::new();
        lives.spawn(life);
        simulation.run_until(base() + EPOCH * 9).await;

        assert_eq!(lives.join_all().await, [1]);
        let bodies = fake.bodies();
        assert_eq!(bodies.len(), 2, "{step:?}");
        assert_eq!(bodies[0], bodies[1]);
    }
}

#[tokio::test]
async fn what_was_missed_leaves_at_another_time() {
    let (clock, mut simulation) = begin();
    let fake = Fake::new(&clock);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("reports.json");
    let mut first = reporter("a", &fake, &path, CrashPoints::default());
    for _ in 0..3 {
        first
            .measure(&measurement(), &terms(), When::NextEpoch)
            .await
            .unwrap();
    }
    drop(first);
    // The computer is off for two epochs.
    let back = base() + EPOCH * 4 + TimeDelta::minutes(10);
    simulation.run_until(back).await;
    let mut second = reporter("a", &fake, &path, CrashPoints::default());
    let mut sending = JoinSet::new();
    sending.spawn(async move { second.send(None).await });
    simulation.run_until(base() + EPOCH * 6).await;

    sending.join_next().await.unwrap().unwrap().unwrap();
    let times: BTreeSet<_> = fake.times().into_iter().collect();
    assert_eq!(times.len(), 3);
    assert!(
        times
            .iter()
            .all(|at| *at > back && *at < base() + EPOCH * 5)
    );
}

#[tokio::test]
async fn at_once_is_at_once_and_a_refusal_is_final() {
    let (clock, _simulation) = begin();
    let fake = Fake::new(&clock);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("reports.json");
    let mut reporter = reporter("a", &fake, &path, CrashPoints::default());
    let of_instance = Terms {
        channel: None,
        instance: Some("main".to_owned()),
        threshold: 3,
    };

    let number = reporter
        .measure(&measurement(), &of_instance, When::Now)
        .await
        .unwrap();
    assert_eq!(reporter.send_now(number).await.unwrap(), Outcome::Taken);
    assert_eq!(fake.times(), [clock.now()]);
    assert_eq!(fake.seen().messages[0].1.path, "/");
    fake.plant(Fault::Refuse);
    let number = reporter
        .measure(&measurement(), &terms(), When::Now)
        .await
        .unwrap();
    let refused = reporter.send_now(number).await.unwrap();
    assert_eq!(refused.to_string(), "refused: 400 no reason");

    let state = Kept::<State>::read(&path).unwrap();
    assert!(state.reports.is_empty());
    assert_eq!((state.made, state.settled["taken"]), (2, 1));
}

#[tokio::test]
async fn answers_that_cannot_be_right_make_no_message() {
    let (clock, _simulation) = begin();
    let fake = Fake::new(&clock);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("reports.json");
    let mut reporter = reporter("a", &fake, &path, CrashPoints::default());

    for (fault, why) in [
        (Fault::OtherEpoch, "the points are of epoch 3, not of 2"),
        (Fault::PointTooFew, "1 points came back for 2"),
        (
            Fault::WrongEpoch,
            "gave up waiting for an epoch that lasts for two requests",
        ),
    ] {
        fake.plant(fault);
        let made = reporter
            .measure(&measurement(), &terms(), When::NextEpoch)
            .await;
        let said = format!("{:#}", anyhow::Error::from(made.unwrap_err()));
        assert!(said.contains(why), "{said}");
        fake.mend(fault);
    }
    let long = "x".repeat(240);
    let layers = (0..16).map(|number| (format!("layer {number}"), &long));
    let made = reporter
        .measure(&Measurement::new(layers).unwrap(), &terms(), When::Now)
        .await;
    assert!(matches!(made, Err(Error::TooLong { .. })));
    assert_eq!(reporter.state().made, 0);
}

#[test]
fn debug_shows_nothing_of_a_message() {
    let report = Report {
        number: 7,
        channel: None,
        threshold: 3,
        instance: None,
        epoch_end: base(),
        stage: Stage::Held(base()),
        attempts: 0,
        message: "marked".to_owned(),
    };
    let state = State {
        reports: vec![report.clone()],
        ..State::default()
    };

    assert!(!format!("{report:?} {state:?} {:?}", report.request()).contains("marked"));
}
