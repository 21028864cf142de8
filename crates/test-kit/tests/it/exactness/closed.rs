//! What too few clients agree on stays closed: it is in no byte that is stored.

use std::collections::BTreeSet;

use test_kit::measurements::{
    crowd::{Measured, Sent},
    lies::Lie,
};

use super::{FIRST_EPOCH, K, Scene, measured};

/// A threshold that some clients say, which is not the channel's.
const OWN_THRESHOLD: u32 = 9;

/// The tables, files and topics with the text in any of their bytes.
async fn holding(scene: &Scene, text: &str) -> BTreeSet<String> {
    let kept = scene.site.kept(&scene.lane).await.unwrap();
    assert!(kept.len() > 4, "{:?}", kept.keys());
    let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|at| at == text.as_bytes());
    let holding = kept.into_iter().filter(|(_, bytes)| holds(bytes));
    holding.map(|(name, _)| name).collect()
}

/// What is below another one's first layer.
fn below(outer: &Measured, value: &str) -> Measured {
    let mut below = outer.clone();
    below.texts[1] = format!("layer1|{value}");
    below
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fewer_than_the_threshold_measured_is_in_no_stored_byte_until_one_more_did() {
    let mut scene = Scene::start().await;
    let open = measured(FIRST_EPOCH, "known-to-all");
    let outer = measured(FIRST_EPOCH, "hidden-outside");
    let inner = below(&open, "hidden-inside");
    let own = Measured {
        threshold: Some(OWN_THRESHOLD),
        ..measured(FIRST_EPOCH, "hidden-by-choice")
    };
    let mut sent: Vec<Sent> = Vec::new();
    sent.extend(scene.honest(&open, K));
    sent.extend(scene.honest(&outer, K - 1));
    sent.extend(scene.honest(&inner, K - 1));
    sent.extend(scene.honest(&own, OWN_THRESHOLD as usize - 1));
    // Each would be the one that is missing, if it were believed.
    for lie in [
        Lie::AnotherPoint,
        Lie::OtherCoins,
        Lie::OtherMac,
        Lie::OtherMessage,
        Lie::ThresholdOfOne,
        Lie::XOutsideTheField,
        Lie::XOfZero,
        Lie::YOutsideTheField,
    ] {
        for (measured, layer) in [(&outer, 0), (&inner, 1)] {
            sent.push(scene.crowd.lying(measured, layer, lie));
        }
    }
    for measured in [&outer, &inner, &own] {
        sent.extend([true, false].map(|says_so| scene.crowd.opening_alone(measured, says_so)));
    }
    sent.extend(sent.clone());
    scene.append_in(FIRST_EPOCH, &sent).await;

    scene.run_in(FIRST_EPOCH).await;

    // What is open is there, so that the search would find the others.
    for text in ["layer0|known-to-all", "known-to-all"] {
        assert_ne!(holding(&scene, text).await, BTreeSet::new(), "{text}");
    }
    for text in ["hidden-outside", "hidden-inside", "hidden-by-choice"] {
        assert_eq!(holding(&scene, text).await, BTreeSet::new(), "{text}");
    }

    for (measured, text) in [
        (&outer, "hidden-outside"),
        (&inner, "hidden-inside"),
        (&own, "hidden-by-choice"),
    ] {
        let one_more = scene.honest(measured, 1);
        scene.append_in(FIRST_EPOCH, &one_more).await;
        scene.run_in(FIRST_EPOCH).await;
        assert_ne!(holding(&scene, text).await, BTreeSet::new(), "{text}");
    }
    scene.close(FIRST_EPOCH).await;
    scene.assert_exact().await;
}
