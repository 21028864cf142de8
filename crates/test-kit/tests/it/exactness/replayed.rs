//! Messages that come again, too late or too early, and numbers of epochs that come again.

use star_collector::aggregate::store::Rejection;
use test_kit::measurements::{
    crowd::{Crowd, Sent},
    lies::Lie,
};

use super::{FIRST_EPOCH, K, Scene, measured};

/// So many measure what is opened.
const HONEST: usize = 2 * K + 2;

/// After so many epochs numbers on the wire begin anew.
const NUMBERS: u64 = 256;

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_comes_again_counts_once_in_a_run_across_runs_and_epochs() {
    let mut scene = Scene::start().await;
    let open = scene.honest(&measured(FIRST_EPOCH, "open"), HONEST);
    // One more of them would open what they measured.
    let closed = scene.honest(&measured(FIRST_EPOCH, "closed"), K - 1);
    let all = [open.clone(), closed.clone()].concat();
    scene
        .append_in(FIRST_EPOCH, &[all.clone(), all.clone()].concat())
        .await;
    scene.run_in(FIRST_EPOCH).await;
    scene.assert_rejected([(Rejection::Duplicate, all.len())]);
    let reports = scene.reports().await;
    scene.assert_exact().await;

    scene.append_in(FIRST_EPOCH, &all).await;
    scene.run_in(FIRST_EPOCH).await;
    // Whoever gets hold of a message can send it with another text, but not with another point.
    let altered: Vec<Sent> = open
        .iter()
        .map(|sent| sent.altered(Lie::OtherText))
        .collect();
    scene.append_in(FIRST_EPOCH + 1, &altered).await;
    scene.append_in(FIRST_EPOCH + 2, &all).await;
    scene.run_in(FIRST_EPOCH + 2).await;
    scene.append_in(FIRST_EPOCH + 3, &all).await;
    scene.close(FIRST_EPOCH).await;

    scene.assert_rejected([
        (Rejection::Duplicate, 3 * all.len() + open.len()),
        (Rejection::Late, all.len()),
    ]);
    assert_eq!(scene.reports().await, reports);
}

#[tokio::test(flavor = "multi_thread")]
async fn control_an_aggregator_that_forgets_what_it_counted_counts_a_replay_again() {
    let mut scene = Scene::start().await;
    let sent = scene.honest(&measured(FIRST_EPOCH, "open"), HONEST);
    scene.append_in(FIRST_EPOCH, &sent).await;
    scene.run_in(FIRST_EPOCH).await;
    let counted = scene.reports().await.messages();

    let mut database = scene.site.database().await.unwrap();
    database.run("DELETE FROM star_seen").await.unwrap();
    scene.append_in(FIRST_EPOCH, &sent).await;
    scene.run_in(FIRST_EPOCH).await;

    assert_eq!(scene.reports().await.messages(), 2 * counted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_counts_in_the_epoch_that_its_number_means_when_it_comes_and_in_no_other() {
    let mut scene = Scene::start().await;
    let alive = u64::from(scene.lane.channel.epochs.alive);
    // Of these nothing may be reported, so that nobody asks what they measured.
    let mut others = Crowd::new(&scene.lane.channel, 1);
    let mut refused = 0;
    // The numbers are 254, 255, 0, 1.
    for current in FIRST_EPOCH..FIRST_EPOCH + 4 {
        let mut sent = Vec::new();
        for epoch in current + 1 - alive..=current {
            let came_in = format!("came in {current}");
            sent.extend(scene.honest(&measured(epoch, &came_in), HONEST));
        }
        // Over, and not begun: the latter has the same number as one that was over long ago.
        for epoch in [current - alive, current + 1] {
            let other = measured(epoch, "other");
            sent.extend((0..HONEST).map(|_| others.honest(&other)));
            refused += HONEST;
        }
        scene.append_in(current, &sent).await;
        scene.run_in(current).await;
    }
    // In 254 of the next round: others with that number, and messages of the last round, of which too few come again.
    let wrapped = FIRST_EPOCH + NUMBERS;
    let again = scene.honest(&measured(FIRST_EPOCH, "again"), HONEST);
    scene.append_in(FIRST_EPOCH, &again).await;
    let mut sent = scene.honest(&measured(wrapped, "wrapped"), HONEST);
    sent.extend_from_slice(&again[..K - 1]);
    scene.append_in(wrapped, &sent).await;
    scene.run_in(wrapped).await;
    scene.close(wrapped).await;

    scene.assert_exact().await;
    scene.assert_rejected([(Rejection::Late, refused)]);
    let days = scene.reports().await.totals.into_keys();
    assert_eq!(days.filter(|name| name.contains("\"again\"")).count(), 1);
}
