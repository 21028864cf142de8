//! More waits than may: groups are dropped whole, whichever they are, and the rest stays exact (threat T13).

use std::sync::atomic::{AtomicUsize, Ordering};

use service_kit::fault::{Crashed, FaultPoints};
use star_collector::aggregate::{
    store::{Rejection, Slot},
    summary::Summary,
    worker::AggregateError,
};

use super::scene::{EPOCH, Reports, Scene, texts};

/// What honest clients measure.
const VALUES: usize = 60;

/// What may wait in a scene that is flooded: 450 messages or so.
const BYTES_MAX: u64 = 400_000;

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

/// How many messages with this outer text were reported, in full or in part.
fn total(reports: &Reports, text: &str) -> u64 {
    let of_text = reports.iter().filter(|(texts, _)| texts[0] == text);
    of_text.map(|(_, total)| total).sum()
}

/// How many honest values were reported at the end. Each that was must be whole: 4 messages, and 6 after the flood.
async fn whole_values(scene: &Scene) -> usize {
    let reports = scene.reports().await;
    let totals = (0..VALUES).map(|value| total(&reports, &texts(value)[0]));
    let there: Vec<u64> = totals.filter(|total| *total > 0).collect();
    assert!(there.iter().all(|total| *total == 10), "{there:?}");
    there.len()
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
    scene.run_in(EPOCH + 3).await;
    assert_eq!(total(&scene.reports().await, "q|open"), 12);
    let kept = whole_values(&scene).await;
    assert!((1..VALUES / 2).contains(&kept), "{kept}");
    let levels = scene.records().await.into_iter();
    let levels: Vec<_> = levels
        .filter_map(|record| record.get("sampling_level")?.as_u64())
        .collect();
    assert!(levels.len() >= kept && levels.iter().all(|level| *level >= 2));
}

#[tokio::test]
async fn t13_control_without_sampling_the_same_flood_fills_more_than_may_wait() {
    let mut scene = Scene::planted(|rules| rules.level = |_, level, _| level).await;
    scene.pending_bytes_max = BYTES_MAX;
    scene.send_honest(4).await;
    scene.run().await;

    scene.send_flood(1_500).await;
    let flooded = scene.run().await;

    assert_eq!((flooded.sampling_level, sampled(&flooded)), (0, 0));
    let waiting = scene.waiting_bytes().await;
    assert!(waiting > 3 * BYTES_MAX, "{waiting}");
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
    let crashed = scene.try_run(EPOCH, dies).await;
    assert!(
        matches!(crashed, Err(AggregateError::Crashed(_))),
        "{crashed:?}"
    );
    tokio::time::sleep(std::time::Duration::from_millis(350)).await;

    scene.run().await;
    scene.send_honest(6).await;
    scene.run().await;

    let waiting = scene.waiting_bytes().await;
    assert!(waiting <= BYTES_MAX, "{waiting}");
    let pending = scene.store.pending(Slot(1)).await.unwrap();
    assert!(pending.iter().all(|one| one.swept == one.sampling.level()));
    // The last of a flooded epoch's rows go with it.
    scene.run_in(EPOCH + 3).await;
    assert!(whole_values(&scene).await > 0);
    assert_eq!(scene.store.pending(Slot(1)).await.unwrap(), []);
    assert_eq!(scene.store.epochs(Slot(1)).await.unwrap(), [0_u64; 0]);
}
