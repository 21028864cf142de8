//! Groups in which every tenth, fifth or third point is forged.

use rand::seq::SliceRandom as _;
use star_collector::aggregate::store::Rejection;
use test_kit::measurements::{
    crowd::{Measured, Sent},
    lies::Lie,
};

use super::{FIRST_EPOCH, K, LAYERS, LONG_AGO, Scene, measured, terms};

/// Of a hundred shares of a group, so many are forged.
const FORGED_OF_100: [usize; 4] = [0, 10, 20, 30];

/// Thresholds, and how many shares come to each outer group.
const GROUPS: [(u32, usize); 3] = [(5, 60), (20, 120), (50, 300)];

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
            sent.extend(of_group);
            forged += forged_there;
        }
    }
    sent.shuffle(&mut scene.random);

    for part in sent.chunks(sent.len().div_ceil(PARTS)) {
        scene.append_in(FIRST_EPOCH, part).await;
        scene.run_in(FIRST_EPOCH).await;
    }
    let closed = scene.close(FIRST_EPOCH).await;

    println!("{forged} of {} messages were forged", sent.len());
    scene.assert_exact().await;
    scene.assert_rejected([(Rejection::Forged, forged)]);
    assert_eq!(closed["below_the_threshold_by_label"], 0);
}
