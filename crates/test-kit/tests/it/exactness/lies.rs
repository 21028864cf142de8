//! Every lie that a client can tell, in each layer: over HTTP, and what collect refuses is appended to the topic behind its
//! back, where the aggregator must see it.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use reqwest::{Client, StatusCode};
use star_collector::aggregate::store::Rejection;
use test_kit::measurements::{
    crowd::Sent,
    lies::{Fate, Lie},
    site::DEFAULT_CHANNEL,
};
use tokio::task::JoinSet;

use super::{FIRST_EPOCH, K, LAYERS, Scene, measured};
use crate::faults::measurements::{begun_before_now, terms};

/// So many tell the truth beside each lie, and one after the other.
const HONEST: usize = 3 * K;

/// So many tell each lie: fewer than open anything.
const LYING: usize = K - 2;

/// So many tell each lie that makes a group of its own: as many as open one.
const APART: usize = K;

/// How long an answer may take.
const ANSWERED_WITHIN: Duration = Duration::from_secs(20);

/// Sends messages to collect. How it answered, as often as it did.
async fn post_all(collector: SocketAddr, sent: &[Sent]) -> BTreeMap<StatusCode, usize> {
    let http = service_kit::tls::probe_client(ANSWERED_WITHIN).unwrap();
    let mut posts = JoinSet::new();
    for one in sent {
        let (one, http): (Sent, Client) = (one.clone(), http.clone());
        posts.spawn(async move { one.post(&http, collector, DEFAULT_CHANNEL).await.unwrap() });
    }
    let mut answers = BTreeMap::new();
    for status in posts.join_all().await {
        *answers.entry(status).or_default() += 1;
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_client_lies_about_in_whichever_layer_changes_no_total_of_the_others() {
    // Collect's own clock says when a message comes.
    let mut scene = Scene::with(&terms(&begun_before_now())).await;
    let (mut collect, collector) = scene.site.collector(&scene.lane, 0).await.unwrap();
    let (mut honest, mut lying, mut seen) = (Vec::new(), Vec::new(), Vec::new());
    let (mut expected, mut alone, mut waiting) = (BTreeMap::new(), 0, 0);
    for lie in Lie::ALL {
        for layer in 0..LAYERS {
            let measured = measured(FIRST_EPOCH, &format!("{lie:?}{layer}"));
            let of_lie = if layer == 0 && lie.is_seen_from_outside() {
                &mut seen
            } else {
                &mut lying
            };
            let fate = lie.fate(layer);
            let clients = if fate == Fate::Apart { APART } else { LYING };
            match fate {
                Fate::Alone => alone += clients,
                Fate::Apart => waiting += clients,
                Fate::Refused(reason) => *expected.entry(reason).or_default() += clients,
            }
            // Below another text, too few are in a group.
            if fate == Fate::Alone && layer + 1 < LAYERS {
                waiting += clients;
            }
            of_lie.extend((0..clients).map(|_| scene.crowd.lying(&measured, layer, lie)));
            honest.extend(scene.honest(&measured, HONEST));
        }
    }

    let measured = measured(FIRST_EPOCH, "alone");
    for says_so in [true, false] {
        seen.push(scene.crowd.opening_alone(&measured, says_so));
        *expected.entry(Rejection::Threshold).or_default() += 1;
    }

    // Among the first: the groups that they come to have no secret yet.
    let refused = post_all(collector, &seen).await;
    let taken = post_all(collector, &lying).await;
    scene.append_in(FIRST_EPOCH, &seen).await;
    let of_honest = post_all(collector, &honest).await;
    scene.run_in(FIRST_EPOCH).await;
    let closed = scene.close(FIRST_EPOCH).await;

    assert_eq!(refused, [(StatusCode::BAD_REQUEST, seen.len())].into());
    assert_eq!(taken, [(StatusCode::NO_CONTENT, lying.len())].into());
    assert_eq!(of_honest, [(StatusCode::NO_CONTENT, honest.len())].into());
    scene.assert_exact().await;
    scene.assert_rejected(expected);
    assert_eq!(closed["below_the_threshold_by_label"], alone);
    assert_eq!(closed["never_opened"], waiting);
    assert!(collect.stop("TERM").await.unwrap().success());
}
