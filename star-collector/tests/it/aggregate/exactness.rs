//! Every message is counted once, and nothing opens that too few agree on.

use std::{
    collections::BTreeMap,
    sync::Arc,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use rand::Rng as _;
use service_kit::fault::{Crashed, FaultPoints};
use star_collector::aggregate::worker::AggregateError;

use super::scene::{EPOCH, K, LAYERS, Reports, Scene, reports};

const LINUX: [&str; LAYERS] = ["q|yes", "platform|linux", "country|none"];

#[tokio::test]
async fn what_k_clients_agree_on_is_reported_and_nothing_that_fewer_do() {
    let mut scene = Scene::start().await;
    let mut messages = scene.messages(LINUX, 5);
    messages.extend(scene.messages(["q|no", "platform|linux", "country|none"], 4));
    scene.send(&messages).await;

    let summary = scene.run().await;

    assert_eq!((summary.tally.consumed, summary.tally.opened), (9, 5));
    assert_eq!(scene.reports().await, reports([(&LINUX, 5)]));
}

#[tokio::test]
async fn late_messages_of_an_open_group_are_reported_k_at_a_time_and_the_rest_at_the_end() {
    let mut scene = Scene::start().await;
    let first = scene.messages(LINUX, 5);
    scene.send(&first).await;
    scene.run().await;
    let more = scene.messages(LINUX, 4);
    scene.send(&more).await;
    scene.run().await;
    assert_eq!(scene.reports().await, reports([(&LINUX, 5)]));

    let one = scene.messages(LINUX, 1);
    scene.send(&one).await;
    scene.run().await;
    assert_eq!(scene.reports().await, reports([(&LINUX, 10)]));

    let two = scene.messages(LINUX, 2);
    scene.send(&two).await;
    let summary = scene.run_in(EPOCH + 3).await;
    assert_eq!(summary.epochs_closed, 1);
    assert_eq!(scene.reports().await, reports([(&LINUX, 12)]));
    assert_eq!(scene.run_in(EPOCH + 3).await.epochs_closed, 0);
}

#[tokio::test]
async fn at_the_end_of_the_epoch_the_outer_layers_of_the_rest_are_reported() {
    let mut scene = Scene::start().await;
    let mut messages = scene.messages(LINUX, 6);
    messages.extend(scene.messages(["q|yes", "platform|linux", "country|de"], 3));
    messages.extend(scene.messages(["q|yes", "platform|mac", "country|de"], 2));
    scene.send(&messages).await;
    scene.run_in(EPOCH + 2).await;
    assert_eq!(scene.reports().await, reports([(&LINUX, 6)]));

    let summary = scene.run_in(EPOCH + 3).await;

    assert_eq!(summary.tally.partial, 5);
    let expected = reports([(&LINUX, 6), (&LINUX[..2], 3), (&LINUX[..1], 2)]);
    assert_eq!(scene.reports().await, expected);
}

#[tokio::test]
async fn the_stored_state_of_a_closed_group_holds_no_plaintext() {
    let mut scene = Scene::start().await;
    let mut messages = scene.messages(["q|yes", "platform|linux", "country|secretland"], 4);
    messages.extend(scene.messages(LINUX, 1));
    messages.extend(scene.messages(["q|hidden-answer", "platform|linux", "country|none"], 4));
    scene.send(&messages).await;
    scene.run().await;

    let bytes = scene.stored_bytes().await;

    let has = |text: &str| {
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    // The open layers are there, so the search would find the others.
    assert!(has("q|yes") && has("platform|linux"));
    assert!(!has("secretland") && !has("hidden-answer"));
}

/// Random measurements: few values of the first layers, more of the last.
fn population(scene: &mut Scene, count: usize) -> (Vec<Vec<u8>>, Reports) {
    let mut messages = Vec::new();
    let mut prefixes: BTreeMap<Vec<String>, u64> = BTreeMap::new();
    for _ in 0..count {
        // The product of two draws: small values are common, large ones rare.
        let mut draw = |below: u32| {
            scene.random.gen_range(0..below) * scene.random.gen_range(0..below) / below
        };
        let texts = [
            format!("q|{}", draw(12)),
            format!("platform|{}", draw(4)),
            format!("country|{}", draw(30)),
        ];
        messages.push(scene.message(texts.each_ref().map(String::as_str)));
        for layers in 1..=LAYERS {
            let prefix = texts.iter().take(layers).cloned();
            *prefixes.entry(prefix.collect()).or_default() += 1;
        }
    }
    let open = |prefix: &[String]| {
        prefixes
            .get(prefix)
            .copied()
            .filter(|count| *count >= K.into())
    };
    let mut truth = Reports::new();
    for (prefix, count) in prefixes.iter().filter(|(prefix, _)| open(prefix).is_some()) {
        let below = prefixes
            .keys()
            .filter(|other| other.len() == prefix.len() + 1 && other.starts_with(prefix));
        let deeper: u64 = below.filter_map(|other| open(other)).sum();
        if *count > deeper {
            truth.insert(prefix.clone(), count - deeper);
        }
    }
    (messages, truth)
}

#[tokio::test]
async fn the_reports_of_many_messages_in_many_runs_are_the_truth() {
    let mut scene = Scene::start().await;
    scene.batch_messages = 700;
    let (messages, truth) = population(&mut scene, 6_000);
    assert!(truth.keys().any(|texts| texts.len() < LAYERS) && truth.len() > 100);
    for part in messages.chunks(1_500) {
        scene.send(part).await;
        scene.run().await;
    }

    scene.run_in(EPOCH + 3).await;

    assert_eq!(scene.reports().await, truth);
}

/// Faults that crash at the n-th point that is passed.
fn crash_at(point: usize) -> FaultPoints {
    let passed = Arc::new(AtomicUsize::new(0));
    FaultPoints::planned(move |name| {
        if passed.fetch_add(1, Ordering::Relaxed) == point {
            Err(Crashed(name))
        } else {
            Ok(())
        }
    })
}

#[tokio::test]
async fn a_run_that_dies_at_any_step_changes_no_total() {
    let mut scene = Scene::start().await;
    let (messages, truth) = population(&mut scene, 5_000);
    scene.send(&messages).await;
    let mut crashes = 0;
    for point in 0.. {
        match scene.try_run(EPOCH + 3, crash_at(point % 7)).await {
            Ok(_) => break,
            Err(AggregateError::Crashed(_)) => crashes += 1,
            Err(error) => panic!("{error}"),
        }
        // The lease of the one that died runs out.
        tokio::time::sleep(Duration::from_millis(350)).await;
        assert!(point < 100, "it never comes to an end");
    }

    assert!(crashes >= 8, "{crashes}");
    scene.run_in(EPOCH + 3).await;
    assert_eq!(scene.reports().await, truth);
}

#[tokio::test]
async fn of_two_that_hold_the_same_batch_one_stores_it() {
    let mut scene = Scene::start().await;
    let messages = scene.messages(LINUX, 8);
    scene.send(&messages).await;
    let store = Arc::clone(&scene.store);
    let log = Arc::clone(&scene.log);
    let mut other = Scene::start().await;
    (other.store, other.log) = (store, log);
    // The first one sleeps after it has opened its batch, until its lease is over and the second one is done.
    let sleeps = FaultPoints::planned(|name| {
        if name == "star-batch-opened" {
            std::thread::sleep(Duration::from_millis(1_500));
        }
        Ok(())
    });
    let first = scene.worker(EPOCH, sleeps);
    let first = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(first.run())
    });
    tokio::time::sleep(Duration::from_millis(600)).await;

    other.run().await;

    assert!(matches!(
        first.await.unwrap(),
        Err(AggregateError::Overtaken)
    ));
    assert_eq!(scene.reports().await, reports([(&LINUX, 8)]));
}
