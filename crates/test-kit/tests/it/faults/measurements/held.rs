//! An aggregator that is held (SIGSTOP) at a step of its work, while another one does that work, and wakes up later.

use std::time::Duration;

use test_kit::{
    measurements::{
        crowd::Crowd,
        site::{Hurt, LEASE_SECONDS},
    },
    process::{self, until_held},
};
use tokio::time::sleep;

use super::{FIRST_EPOCH, Stage, after, default_lane, during, records};

/// How many messages come in each round.
const MESSAGES: usize = 1_500;

/// What somebody is held in the middle of: what it holds then, and what it says when it wakes up.
const POINTS: [(&str, &str); 6] = [
    ("star-batch-read", "another process has taken"),
    ("star-batch-opened", "another process has taken"),
    ("star-epoch-read", "another process has taken"),
    ("star-epoch-reported", "another process has taken"),
    ("star-epoch-dropped", "another process has taken"),
    ("relay-rows-loaded", "another p"),
];

/// Its leases are over.
const HELD: Duration = Duration::from_secs(LEASE_SECONDS + 1);

#[tokio::test(flavor = "multi_thread")]
async fn an_aggregator_that_wakes_up_late_with_a_batch_in_its_hands_counts_nothing_twice() {
    let mut stage = Stage::set().await;
    let lane = default_lane(&stage.site).await;
    let mut crowd = Crowd::new(&lane.channel, 0);
    let mut epoch = FIRST_EPOCH;
    for (point, says) in POINTS {
        let at = during(&lane.channel, epoch);
        let over = after(&lane.channel, epoch);
        let end = during(&lane.channel, over);
        let records = records(&mut crowd, at, MESSAGES);
        stage.site.append(&records).await.unwrap();
        if point.starts_with("star-epoch") {
            stage.site.finish(&lane, at).await.unwrap();
        }
        let hurt = Hurt {
            point,
            times: 1,
            signal: "STOP",
        };
        let mut held = stage.site.start_run(&lane, end, Some(hurt)).unwrap();
        until_held(&mut held).await.unwrap();
        sleep(HELD).await;

        // The other one does all of it.
        stage.site.finish(&lane, end).await.unwrap();
        process::send(held.id().unwrap(), "CONT").unwrap();

        let ended = held.wait_with_output().await.unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(
            !ended.status.success() && said.contains(says),
            "{point}: {said}"
        );
        stage.site.finish(&lane, end).await.unwrap();
        epoch = over + 1;
    }

    stage.compare(&lane, &crowd.truth().unwrap()).await;
    stage.settle();
}
