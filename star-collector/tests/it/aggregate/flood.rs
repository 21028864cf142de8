//! More waits than may: groups are dropped whole, whichever they are, and the rest stays exact (threat T13).

use std::sync::atomic::{AtomicUsize, Ordering};

use service_kit::fault::{Crashed, FaultPoints};
use star_collector::aggregate::{
    store::{Rejection, Slot},
    worker::{AggregateError, Summary},
};

use super::scene::{EPOCH, LAYERS, Scene};

/// What honest clients measure.
const VALUES: usize = 60;

/// What may wait in a scene that is flooded: 450 messages or so.
const BYTES_MAX: u64 = 400_000;

fn texts(value: usize) -> [String; LAYERS] {
    [
        format!("q|{value}"),
        "platform|linux".to_owned(),
        "country|none".to_owned(),
    ]
}

impl Scene {
    /// So many messages of each honest value.
    async fn send_honest(&mut self, of_each: usize) {
        for value in 0..VALUES {
            let texts = texts(value);
            let messages = self.messages(texts.each_ref().map(String::as_str), of_each);
            self.send(&messages).await;
        }
    }

    /// Messages with a value each that nobody else has.
    async fn send_flood(&mut self, messages: usize) {
        let flood = (0..messages).map(|number| {
            let value = format!("q|flood {number}");
            self.message([&value, "platform|linux", "country|none"])
        });
        let flood: Vec<_> = flood.collect();
        self.send(&flood).await;
    }

    /// How many bytes wait, in both partitions.
    async fn waiting_bytes(&self) -> u64 {
        let pending = self.store.pending(Slot(1)).await.unwrap();
        pending.iter().map(|one| one.bytes).sum()
    }
}

fn sampled(summary: &Summary) -> u64 {
    let rejected = &summary.tally.rejected;
    rejected.get(&Rejection::Sampled).copied().unwrap_or(0)
}

#[tokio::test]
async fn a_flood_of_unique_tags_leaves_each_value_whole_or_absent_and_fills_no_disk() {
    let mut scene = Scene::start().await;
    scene.pending_bytes_max = BYTES_MAX;
    // Open before the flood: it stays.
    let open = scene.messages(["q|open", "platform|linux", "country|none"], 6);
    scene.send(&open).await;
    scene.send_honest(4).await;
    scene.run().await;
    let before = scene.waiting_bytes().await;
    assert!(before > BYTES_MAX / 2 && before <= BYTES_MAX, "{before}");

    scene.send_flood(1_500).await;
    let flooded = scene.run().await;
    assert!(flooded.sampling_level >= 2, "{flooded:?}");
    let waiting = scene.waiting_bytes().await;
    assert!(waiting <= BYTES_MAX, "{waiting}");
    scene.send_honest(6).await;
    let late = scene.messages(["q|open", "platform|linux", "country|none"], 6);
    scene.send(&late).await;
    let after = scene.run().await;

    assert!(sampled(&flooded) > 1_000 && sampled(&after) > 0);
    let reports = scene.reports().await;
    let of = |value: &str| reports.iter().find(|(texts, _)| texts[0] == value);
    assert_eq!(of("q|open").map(|(_, total)| *total), Some(12));
    let kept: Vec<u64> = (0..VALUES)
        .filter_map(|value| of(&texts(value)[0]).map(|(_, total)| *total))
        .collect();
    assert!(kept.iter().all(|total| *total == 10), "{kept:?}");
    assert!((1..VALUES / 2).contains(&kept.len()), "{kept:?}");
    let levels = scene.records().await.into_iter();
    let levels: Vec<_> = levels
        .filter_map(|record| record.get("sampling_level")?.as_u64())
        .collect();
    assert!(levels.len() >= kept.len() && levels.iter().all(|level| *level >= 2));
}

#[tokio::test]
async fn without_a_flood_nothing_is_sampled_and_records_do_not_speak_of_it() {
    let mut scene = Scene::start().await;
    scene.pending_bytes_max = BYTES_MAX;
    scene.send_honest(4).await;
    scene.run().await;
    scene.send_honest(1).await;
    let summary = scene.run().await;

    assert_eq!((summary.sampling_level, sampled(&summary)), (0, 0));
    assert_eq!(scene.reports().await.len(), VALUES);
    assert_eq!(scene.waiting_bytes().await, 0);
    for record in scene.records().await {
        assert!(!record.contains_key("sampling_level"));
    }
}

#[tokio::test]
async fn whoever_dies_while_groups_are_dropped_leaves_the_rest_to_the_next() {
    let mut scene = Scene::start().await;
    scene.pending_bytes_max = BYTES_MAX;
    scene.send_honest(4).await;
    scene.send_flood(1_500).await;
    let passed = AtomicUsize::new(0);
    let dies = FaultPoints::planned(move |name| {
        let is_first = name == "star-groups-dropped" && passed.fetch_add(1, Ordering::Relaxed) == 0;
        if is_first { Err(Crashed(name)) } else { Ok(()) }
    });
    let died = scene.try_run(EPOCH, dies).await;
    assert!(matches!(died, Err(AggregateError::Crashed(_))), "{died:?}");
    tokio::time::sleep(std::time::Duration::from_millis(350)).await;

    scene.run().await;
    scene.send_honest(6).await;
    scene.run().await;

    let waiting = scene.waiting_bytes().await;
    assert!(waiting <= BYTES_MAX, "{waiting}");
    let pending = scene.store.pending(Slot(1)).await.unwrap();
    assert!(pending.iter().all(|one| one.swept == one.sampling.level()));
    let reports = scene.reports().await;
    assert!(reports.values().all(|total| *total == 10), "{reports:?}");
    // The last of a flooded epoch's rows go with it.
    scene.run_in(EPOCH + 3).await;
    assert_eq!(scene.store.pending(Slot(1)).await.unwrap(), []);
    assert_eq!(scene.store.epochs(Slot(1)).await.unwrap(), [0_u64; 0]);
}
