//! What is reported of many messages is what their clients measured.

use std::time::Instant;

use test_kit::measurements::crowd::Crowd;

use super::{FIRST_EPOCH, LONG_AGO, Stage, after, default_lane, during, messages, records, terms};

/// How many messages there are; `./test long` asks for more.
const MESSAGES: usize = 100_000;

/// They come in so many parts, each in an epoch of its own, and are read after each.
const PARTS: u64 = 4;

#[tokio::test(flavor = "multi_thread")]
async fn of_many_messages_of_several_channels_epochs_and_thresholds_the_truth_is_reported() {
    let mut stage = Stage::set().await;
    let typical = default_lane(&stage.site).await;
    let mut other = terms(LONG_AGO);
    other
        .set("channel.k", 8)
        .set("channel.layers", 4)
        .set("channel.epoch_hours", 48)
        .set("channel.epochs_alive", 2);
    let express = stage.site.lane("express", &other).await.unwrap();
    let lanes = [typical, express];
    let mut crowds =
        [(0, &lanes[0]), (1, &lanes[1])].map(|(seed, lane)| Crowd::new(&lane.channel, seed));
    let of_each = messages(MESSAGES) / lanes.len() / usize::try_from(PARTS).unwrap();
    let started = Instant::now();

    let mut sent = 0;
    let mut consumed = 0;
    for epoch in FIRST_EPOCH..FIRST_EPOCH + PARTS {
        for (lane, crowd) in lanes.iter().zip(&mut crowds) {
            let at = during(&lane.channel, epoch);
            let records = records(crowd, at, of_each);
            sent += records.len() as u64;
            stage.site.append(&records).await.unwrap();
            let did = stage.site.run(lane, at).await.unwrap();
            consumed += did["consumed"].as_u64().unwrap();
        }
    }
    for (lane, crowd) in lanes.iter().zip(&crowds) {
        let end = during(&lane.channel, after(&lane.channel, FIRST_EPOCH + PARTS));
        consumed += stage.site.finish(lane, end).await.unwrap();
        stage.compare(lane, &crowd.truth().unwrap()).await;
    }

    println!(
        "{sent} messages in {:.1} s",
        started.elapsed().as_secs_f64()
    );
    assert_eq!(consumed, sent);
    stage.settle();
}

#[tokio::test(flavor = "multi_thread")]
async fn control_a_message_that_is_counted_twice_or_not_at_all_is_seen() {
    let mut stage = Stage::set().await;
    let lane = default_lane(&stage.site).await;
    let mut crowd = Crowd::new(&lane.channel, 0);
    let at = during(&lane.channel, FIRST_EPOCH);
    let records = records(&mut crowd, at, 1_500);
    stage.site.append(&records).await.unwrap();
    stage.site.run(&lane, at).await.unwrap();
    let mut database = stage.site.database().await.unwrap();
    let counted = "UPDATE star_label SET opened = opened + 1, reported = reported + 1
        WHERE path LIKE '[\"layer0|0\"%' AND path LIKE '%layer2%'";
    let lost = "UPDATE star_label SET deeper = deeper + 1 WHERE path LIKE '[\"layer0|1\"%' AND path LIKE '%layer2%'";
    for change in [counted, lost] {
        database.run(change).await.unwrap();
    }
    drop(database);

    let end = during(&lane.channel, after(&lane.channel, FIRST_EPOCH));
    let refused = stage.site.run(&lane, end).await.unwrap_err().to_string();

    // The aggregator sees it first, and reports no epoch that does not add up.
    assert!(refused.contains("does not close"), "{refused}");
    stage.compare(&lane, &crowd.truth().unwrap()).await;
    assert!(stage.figures.lost > 0, "{}", stage.figures);
}
