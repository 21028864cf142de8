//! When a run reads, when an epoch is closed, and what comes too late.

use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::TimeDelta;
use service_kit::fault::{Crashed, FaultPoints};
use star_collector::aggregate::store::{Rejection, Slot};

use super::scene::{EPOCH, LAYERS, Scene, reports};

const LINUX: [&str; LAYERS] = ["q|yes", "platform|linux", "country|none"];

#[tokio::test]
async fn what_comes_of_an_epoch_that_was_closed_is_late_and_counts_nothing_twice() {
    let mut scene = Scene::start().await;
    let messages = scene.messages(LINUX, 5);
    scene.send(&messages).await;
    scene.run().await;
    assert_eq!(scene.run_in(EPOCH + 3).await.epochs_closed, 1);

    // As by a collect whose clock is behind: it has the time of the epoch, and is appended after its end.
    scene.send(&messages).await;
    let summary = scene.run_in(EPOCH + 3).await;

    assert_eq!(summary.tally.rejected, [(Rejection::Late, 5)].into());
    scene.run_in(EPOCH + 6).await;
    assert_eq!(scene.reports().await, reports([(&LINUX, 5)]));
}

#[tokio::test]
async fn an_epoch_is_closed_once_nothing_of_it_can_be_on_its_way_any_more() {
    let mut scene = Scene::start().await;
    let first = scene.messages(LINUX, 4);
    scene.send(&first).await;
    let early = scene.run_after_the_end(TimeDelta::minutes(9)).await;
    assert_eq!((early.epochs_closed, early.pending), (0, 4));

    let last = scene.messages(LINUX, 1);
    scene.send(&last).await;
    let closing = scene.run_after_the_end(TimeDelta::minutes(10)).await;

    assert_eq!((closing.epochs_closed, closing.pending), (1, 0));
    assert_eq!(scene.reports().await, reports([(&LINUX, 5)]));
}

#[tokio::test]
async fn what_waits_is_told_layer_by_layer() {
    let mut scene = Scene::start().await;
    let mut messages = scene.messages(LINUX, 6);
    messages.extend(scene.messages(["q|yes", "platform|linux", "country|de"], 3));
    messages.extend(scene.messages(["q|yes", "platform|mac", "country|de"], 2));
    messages.extend(scene.messages(["q|no", "platform|mac", "country|de"], 4));
    scene.send(&messages).await;

    assert_eq!(scene.run().await.pending, 3 + 2 + 4);

    let one = scene.messages(["q|no", "platform|mac", "country|de"], 1);
    scene.send(&one).await;
    assert_eq!(scene.run().await.pending, 3 + 2);
}

#[tokio::test]
async fn fewer_new_messages_than_asked_for_are_left_unread_until_there_are_more_or_the_epoch_is_over()
 {
    let mut scene = Scene::start().await;
    scene.lag_min = 6;
    let five = scene.messages(LINUX, 5);
    scene.send(&five).await;
    let left = scene.run().await;
    assert_eq!((left.left_unread, left.tally.consumed), (5, 0));

    let one = scene.messages(LINUX, 1);
    scene.send(&one).await;
    let read = scene.run().await;
    assert_eq!((read.left_unread, read.tally.consumed), (0, 6));

    let two = scene.messages(LINUX, 2);
    scene.send(&two).await;
    assert_eq!(scene.run().await.left_unread, 2);
    let closing = scene.run_in(EPOCH + 3).await;
    assert_eq!((closing.tally.consumed, closing.epochs_closed), (2, 1));
    assert_eq!(scene.reports().await, reports([(&LINUX, 8)]));
}

/// Changes what is counted of an epoch before it is closed, and answers what the closing says.
async fn close_after(change: &'static str) -> String {
    let mut scene = Scene::start().await;
    let mut messages = scene.messages(LINUX, 5);
    for country in [
        "country|a",
        "country|b",
        "country|c",
        "country|d",
        "country|e",
    ] {
        messages.extend(scene.messages(["q|yes", "platform|mac", country], 1));
    }
    scene.send(&messages).await;
    scene.run().await;
    scene.sql(change).await;
    let closing = scene.try_run(EPOCH + 3, FaultPoints::default()).await;
    assert_eq!(scene.reports().await, reports([(&LINUX, 5)]));
    closing.unwrap_err().to_string()
}

#[tokio::test]
async fn an_epoch_whose_counts_do_not_add_up_is_not_closed() {
    let change =
        r#"UPDATE star_label SET deeper = deeper + 1 WHERE path = '["q|yes","platform|mac"]'"#;

    let said = close_after(change).await;

    assert!(
        said.contains("10 messages were opened, but 9 are reported"),
        "{said}"
    );
}

#[tokio::test]
async fn a_prefix_whose_counts_do_not_add_up_keeps_its_epoch_open() {
    // One message more is said to be below one prefix, and one less below the other: in all, there are as many.
    let change = r#"UPDATE star_label SET deeper = deeper + CASE WHEN path LIKE '%mac"]' THEN 1 ELSE -1 END
        WHERE path IN ('["q|yes","platform|mac"]', '["q|yes","platform|linux"]')"#;

    let said = close_after(change).await;

    assert!(said.contains("below some of its prefixes"), "{said}");
}

#[tokio::test]
async fn what_comes_when_an_epoch_is_reported_in_part_is_late_and_its_counts_add_up() {
    let mut scene = Scene::start().await;
    let platforms = ["a", "b", "c", "d", "e"].map(|name| format!("platform|{name}"));
    let alone = |scene: &mut Scene, platform: &str, clients| {
        scene.messages(["q|yes", platform, "country|none"], clients)
    };
    for platform in &platforms {
        let one = alone(&mut scene, platform, 1);
        scene.send(&one).await;
    }
    scene.run().await;
    let dies = FaultPoints::planned(|name| {
        let here = name == "star-epoch-reported";
        if here { Err(Crashed(name)) } else { Ok(()) }
    });
    scene.try_run(EPOCH + 3, dies).await.unwrap_err();
    assert_eq!(scene.reports().await, reports([(&["q|yes"], 5)]));

    // With these, one of those that wait would open.
    let more = alone(&mut scene, &platforms[0], 4);
    scene.send(&more).await;
    tokio::time::sleep(std::time::Duration::from_millis(350)).await;
    let summary = scene.run_in(EPOCH + 3).await;

    assert_eq!(summary.tally.rejected.get(&Rejection::Late), Some(&4));
    assert_eq!((summary.epochs_closed, summary.tally.never_opened), (1, 5));
    assert_eq!(scene.reports().await, reports([(&["q|yes"], 5)]));
}

/// Faults that crash behind a page of dropped rows, when so many were dropped before.
fn dies_behind_page(page: usize) -> FaultPoints {
    let passed = AtomicUsize::new(0);
    FaultPoints::planned(move |name| {
        let here = name == "star-epoch-dropped" && passed.fetch_add(1, Ordering::Relaxed) == page;
        if here { Err(Crashed(name)) } else { Ok(()) }
    })
}

/// Closes an epoch by a run that dies behind a page of its rows, changes what is left, and closes it by another run.
async fn closed_by_two(page: usize, change: Option<&'static str>) {
    let mut scene = Scene::start().await;
    let mut messages = scene.messages(LINUX, 7);
    messages.extend(scene.messages(["q|yes", "platform|mac", "country|de"], 2));
    scene.send(&messages).await;
    scene.run().await;
    let crashed = scene.try_run(EPOCH + 3, dies_behind_page(page)).await;
    crashed.unwrap_err();
    tokio::time::sleep(std::time::Duration::from_millis(350)).await;
    let of_either = async || {
        let [first, second] = [1, 2].map(|slot| scene.store.epochs(Slot(slot)));
        [first.await.unwrap(), second.await.unwrap()].concat()
    };
    assert_eq!(of_either().await, [EPOCH], "{page}");
    if let Some(change) = change {
        scene.sql(change).await;
    }

    let summary = scene.run_in(EPOCH + 3).await;

    assert_eq!((summary.epochs_closed, summary.tally.never_opened), (1, 2));
    assert_eq!(of_either().await, [0_u64; 0], "{page}");
    let expected = reports([(&LINUX, 7), (&["q|yes"], 2)]);
    assert_eq!(scene.reports().await, expected, "{page}");
}

#[tokio::test]
async fn whoever_dies_while_an_epoch_is_dropped_leaves_its_other_rows_to_the_next() {
    // Groups, what was counted, labels: each is one page.
    for page in 0..3 {
        closed_by_two(page, None).await;
    }
    // Of more labels, one page would be gone.
    let some = "DELETE FROM star_label WHERE path LIKE '%country%'";
    closed_by_two(1, Some(some)).await;
}
