//! A process that is held (SIGSTOP) with a batch in its hands, while another one does its work, and wakes up later.

use std::{fs, time::Duration};

use blindtally::system::ServiceName;
use test_kit::{
    fleet::{LEASE_SECONDS, Setup},
    totals::Totals,
};
use tokio::time::{sleep, timeout};

use super::scene::Scene;

/// Where somebody is held, and what it says when it finds itself shut out.
const POINTS: [(ServiceName, &str, &str); 2] = [
    (
        ServiceName::Payments,
        "relay-rows-loaded",
        "another publisher took over",
    ),
    (
        ServiceName::Tally,
        "tally-batch-claimed",
        "another process has taken the batch",
    ),
];

/// On files, whoever is held in the middle of one job may hold the file for another one. Then nobody can take over its work, and
/// it is no zombie: it is held again, so often at most.
const TRIES: usize = 4;

/// A lease that nobody renews is over.
const LAPSED: Duration = Duration::from_secs(LEASE_SECONDS + 1);

/// Somebody has voted, and a slot of publication is a minute away at most.
const PUBLISHED_WITHIN: Duration = Duration::from_secs(90);

/// Tally reads the topic each second.
const COUNTED_WITHIN: Duration = Duration::from_secs(5);

/// Whoever wakes up goes on at once.
const SEEN_WITHIN: Duration = Duration::from_secs(12);

/// How often the first process of a service said something.
fn said(scene: &Scene, service: ServiceName, what: &str) -> usize {
    let log = scene.fleet.layout().file(&format!("{service}-0.log"));
    fs::read_to_string(log).unwrap().matches(what).count()
}

async fn published(scene: &Scene) -> u64 {
    let totals = Totals::read(scene.fleet.layout(), &[]).await.unwrap();
    totals.published
}

/// Whether more is published soon.
async fn grows(scene: &Scene, before: u64) -> bool {
    let grows = async {
        while published(scene).await == before {
            sleep(Duration::from_millis(500)).await;
        }
    };
    timeout(PUBLISHED_WITHIN, grows).await.is_ok()
}

/// Holds a process until another one has done its work, and lets it go on. Whether it finds itself shut out.
async fn is_shut_out(scene: &mut Scene, (service, point, says): (ServiceName, &str, &str)) -> bool {
    let mut zombie = scene.fleet.hold(service, point).await.unwrap();
    scene.figures.kills += 2;
    // A payments that starts publishes what waits: for a consumer to read, and then for the other one.
    if service == ServiceName::Tally {
        scene.renew(ServiceName::Payments, 1).await;
    }
    zombie.until_held().await.unwrap();
    sleep(LAPSED).await;
    let before = published(scene).await;
    scene.fleet.process(service, 1).unwrap().respawn().unwrap();
    if service == ServiceName::Tally {
        scene.renew(ServiceName::Payments, 1).await;
    }
    grows(scene, before).await;
    sleep(COUNTED_WITHIN).await;
    let before = said(scene, service, says);

    zombie.signal("CONT").unwrap();

    let seen = async {
        while said(scene, service, says) == before {
            sleep(Duration::from_millis(100)).await;
        }
    };
    let seen = timeout(SEEN_WITHIN, seen).await;
    zombie.kill().await.unwrap();
    scene.fleet.process(service, 0).unwrap().respawn().unwrap();
    scene.heal().await;
    seen.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_or_consumer_that_wakes_up_late_is_shut_out_and_neither_repeats_nor_loses_anything()
{
    let setup = Setup {
        copies: 2,
        ..Setup::default()
    };
    let mut scene = Scene::start(setup).await;
    assert!(grows(&scene, 0).await, "nothing is published");

    for zombie in POINTS {
        let mut tries = 0;
        while !is_shut_out(&mut scene, zombie).await {
            tries += 1;
            assert!(tries < TRIES, "{zombie:?} goes on as if nothing had been");
        }
    }

    scene.settle().await;
}
