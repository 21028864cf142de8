//! Groups in which every tenth, fifth or third point is forged.

use rand::seq::SliceRandom as _;
use serde_json::Value;
use star_collector::{
    aggregate::{
        recovery::{WORK_MAX, WORK_OF_MESSAGE_MAX},
        store::Rejection,
    },
    factory::parts::Part,
};
use test_kit::measurements::{
    crowd::{Crowd, Measured, Sent},
    lies::Lie,
    site::PARTITIONS,
};

use super::{FIRST_EPOCH, K, LAYERS, LONG_AGO, Scene, measured, terms};

/// Of a hundred shares of a group, so many are forged.
const FORGED_OF_100: [usize; 4] = [0, 10, 20, 30];

/// Thresholds, and how many shares come to each outer group.
const GROUPS: [(u32, usize); 3] = [(5, 60), (20, 120), (50, 300)];

/// How many groups of forged shares have one outer tag, and their threshold.
const FLOOD: (u8, u32) = (100, 64);

/// They come in so many parts, each of which is read before the next one comes.
const PARTS: usize = 3;

/// The messages of an outer group and the groups below it: of what comes to each layer, so many of a hundred are forged
/// there. With them, how many that are.
fn group(
    scene: &mut Scene,
    measured: &Measured,
    size: usize,
    forged_of_100: usize,
) -> (Vec<Sent>, usize) {
    let mut sent = Vec::new();
    let mut forged = 0;
    for layer in 0..LAYERS {
        let here = (size - forged) * forged_of_100 / 100;
        let lying = |_| scene.crowd.lying(measured, layer, Lie::AnotherPoint);
        sent.extend((0..here).map(lying));
        forged += here;
    }
    let honest = scene.honest(measured, size - forged);
    // Every other one that is forged in the open layer has the x of an honest one, and another y.
    let outer = size * forged_of_100 / 100;
    for (forged, honest) in sent.iter_mut().take(outer).step_by(2).zip(&honest) {
        *forged = honest.altered(Lie::AnotherPoint);
    }
    sent.extend(honest);
    (sent, forged)
}

/// What decoding came to in a run, which must be no more than decision 14 says: for so many shares of groups that failed, and
/// so many batches.
fn work(did: &Value, shares: usize, batches: u32) -> u64 {
    let spent = did["decoding_multiplications"].as_u64().unwrap();
    let of_shares = u64::try_from(shares).unwrap() * WORK_OF_MESSAGE_MAX;
    let bound = of_shares + u64::from(batches) * WORK_MAX;
    assert!(spent <= bound, "{spent} are more than {bound}");
    spent
}

#[tokio::test(flavor = "multi_thread")]
async fn with_up_to_three_in_ten_shares_of_each_group_forged_the_honest_are_counted_exactly() {
    let mut terms = terms(LONG_AGO);
    terms.set("channel.threshold_max", 50);
    let mut scene = Scene::with(&terms).await;
    let mut sent = Vec::new();
    let mut forged = 0;
    for (threshold, size) in GROUPS {
        for forged_of_100 in FORGED_OF_100 {
            let measured = Measured {
                threshold: (threshold as usize != K).then_some(threshold),
                ..measured(
                    FIRST_EPOCH,
                    &format!("{forged_of_100} of 100 at {threshold}"),
                )
            };
            let (of_group, forged_there) = group(&mut scene, &measured, size, forged_of_100);
            sent.extend(of_group.into_iter().map(|one| (one, forged_there > 0)));
            forged += forged_there;
        }
    }
    sent.shuffle(&mut scene.random);

    let mut decoded = 0;
    for part in sent.chunks(sent.len().div_ceil(PARTS)) {
        let (part, are_in_doubt): (Vec<Sent>, Vec<bool>) = part.iter().cloned().unzip();
        scene.append_in(FIRST_EPOCH, &part).await;
        let did = scene.run_in(FIRST_EPOCH).await;
        let in_doubt = are_in_doubt.into_iter().filter(|in_doubt| *in_doubt);
        // Each has a share in every layer, and each partition one batch in a run.
        decoded += work(&did, in_doubt.count() * LAYERS, PARTITIONS);
    }
    let closed = scene.close(FIRST_EPOCH).await;

    println!(
        "{forged} of {} messages were forged, decoding took {decoded} multiplications",
        sent.len()
    );
    assert!(decoded > 0);
    assert_eq!(work(&closed, 0, 0), 0);
    scene.assert_exact().await;
    scene.assert_rejected([(Rejection::Forged, forged)]);
    assert_eq!(closed["below_the_threshold_by_label"], 0);
}

/// These messages once for each group of the flood, with a MAC of its own.
fn flood(messages: &[Sent]) -> Vec<Sent> {
    let groups = (1..=FLOOD.0).flat_map(|group| messages.iter().map(move |sent| (group, sent)));
    let sent = groups.map(|(group, sent)| {
        let mut sent = sent.clone();
        Part::Mac.of_message(&mut sent.message).unwrap()[0] ^= group;
        sent
    });
    sent.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_groups_that_get_one_share_more_each_cost_a_batch_no_more_than_it_may() {
    let (groups, threshold) = FLOOD;
    let mut terms = terms(LONG_AGO);
    terms.set("channel.threshold_max", threshold);
    let mut scene = Scene::with(&terms).await;
    let flooded = Measured {
        threshold: Some(threshold),
        ..measured(FIRST_EPOCH, "flooded")
    };
    // Nothing of these may be reported, so that nobody asks what they measured.
    let mut others = Crowd::new(&scene.lane.channel, 1);
    let shares: Vec<Sent> = (0..threshold).map(|_| others.honest(&flooded)).collect();
    let sent = flood(&shares);
    scene.append_in(FIRST_EPOCH, &sent).await;
    let did = scene.run_in(FIRST_EPOCH).await;
    // All of one outer tag are in one partition, and so in one batch.
    work(&did, sent.len(), 1);

    let mut sent = flood(&[others.honest(&flooded)]);
    sent.extend(scene.honest(&flooded, threshold as usize + 6));
    scene.append_in(FIRST_EPOCH, &sent).await;
    let did = scene.run_in(FIRST_EPOCH).await;

    // Were each of them tried for its share, that would be half as much again.
    assert!(work(&did, groups.into(), 1) > WORK_MAX / 2);
    scene.close(FIRST_EPOCH).await;
    scene.assert_exact().await;
    scene.assert_rejected([]);
}
