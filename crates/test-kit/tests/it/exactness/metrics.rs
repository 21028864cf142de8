//! What a running aggregator tells of itself: every way that a message can go is a metric.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use test_kit::{
    measurements::{crowd::Measured, lies::Lie},
    process::Process,
};
use tokio::time::sleep;

use super::{FIRST_EPOCH, K, Scene, measured};
use crate::faults::measurements::{begun_before_now, terms};

/// How long a first run may take, and an answer.
const RUN_WITHIN: Duration = Duration::from_mins(1);
const ANSWERED_WITHIN: Duration = Duration::from_secs(20);

/// How often somebody looks whether it has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What an aggregator's metrics say of measurements when its first run has ended: the page stays as it is for a minute.
async fn metrics_of(aggregator: &Process) -> BTreeMap<String, u64> {
    let started = Instant::now();
    while !aggregator.said().contains("epochs closed") {
        assert!(started.elapsed() < RUN_WITHIN, "{}", aggregator.said());
        sleep(LOOK_AGAIN).await;
    }
    let http = service_kit::tls::probe_client(ANSWERED_WITHIN).unwrap();
    let url = format!("http://{}/metrics", aggregator.admin());
    let page = http.get(url).send().await.unwrap();
    let page = page.text().await.unwrap();
    let lines = page.lines().filter_map(|line| {
        let (name, value) = line.strip_prefix("blindtally_star_")?.rsplit_once(' ')?;
        Some((name.to_owned(), value.parse().unwrap()))
    });
    lines.collect()
}

/// What clients measure who agree with others in all layers but the last.
fn with_another_end(whole: &Measured) -> Measured {
    let mut other = whole.clone();
    other.texts.pop();
    other.texts.push("layer2|rare".to_owned());
    other
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_say_how_many_messages_went_each_way_also_when_an_epoch_is_closed() {
    let mut scene = Scene::with(&terms(&begun_before_now())).await;
    // It is noon of the first epoch in which no message of this one is taken.
    let over = FIRST_EPOCH - u64::from(scene.lane.channel.epochs.alive);
    let open = measured(over, "open");
    let first = scene.honest(&open, K + 2);
    scene.append_in(over, &first).await;
    scene.run_in(over).await;

    let mut more = scene.honest(&open, 2);
    more.extend(scene.honest(&with_another_end(&open), 3));
    more.extend(scene.honest(&measured(over, "closed"), K - 1));
    more.push(scene.crowd.lying(&open, 0, Lie::OtherText));
    more.push(scene.crowd.lying(&open, 0, Lie::AnotherPoint));
    scene.append_in(over, &more).await;
    let waiting = scene.honest(&measured(FIRST_EPOCH, "waiting"), K - 1);
    scene.append_in(FIRST_EPOCH, &waiting).await;
    let mut aggregator = scene.site.aggregator(&scene.lane, 0).await.unwrap();
    let metrics = metrics_of(&aggregator).await;

    let messages = |what: &str| {
        let name = format!("messages_total{{channel=\"typical\",what=\"{what}\"}}");
        metrics.get(&name).copied()
    };
    assert_eq!(messages("consumed"), Some(15), "{metrics:?}");
    assert_eq!(messages("opened"), Some(6));
    assert_eq!(messages("complete"), Some(2));
    // All that is reported, is so at the end of the epoch.
    assert_eq!(messages("reported"), Some(2));
    assert_eq!(messages("partial"), Some(3));
    assert_eq!(messages("below_threshold"), Some(1));
    // One of them was opened to another text, and waited below it.
    assert_eq!(messages("never_opened"), Some(3 + 4 + 1));
    assert_eq!(messages("forged"), Some(1));
    let pending = metrics.get("pending_messages{channel=\"typical\"}");
    assert_eq!(pending, Some(&4));
    scene.assert_exact().await;
    assert!(aggregator.stop("TERM").await.unwrap().success());
}
