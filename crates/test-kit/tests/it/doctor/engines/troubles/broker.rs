//! A broker.

use service_kit::engines::own::Own;
use test_kit::{World, engines::Instead};

use super::{
    super::super::{PAYMENTS, TALLY, running::LOG},
    Files, ServiceName, are_accepted, are_counted, are_ready, are_told, begin, try_in_vain,
};

/// Who uses the event log.
const USERS: [ServiceName; 2] = [PAYMENTS, TALLY];

/// What each of them looks at.
const CHECKS: [(ServiceName, &str); 2] = [(PAYMENTS, "event-log"), (TALLY, "event-log")];

/// As whom they come.
const PRINCIPALS: [&str; 2] = ["payments", "tally"];

async fn world(broker: &Own, files: &Files) -> World {
    let instead = Instead::new().unwrap();
    let instead = instead.broker(broker, files.0.path()).unwrap();
    World::on(instead.of_a_new_world().await.unwrap())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_broker_is_told_and_when_it_is_back_what_was_accepted_meanwhile_is_counted() {
    let broker = Own::start("kafka");
    let files = Files::of(&broker, &PRINCIPALS);
    let mut world = world(&broker, &files).await;
    let (votes, mut watch) = begin(&mut world, &LOG, &USERS).await;

    broker.run("kill");
    are_told(&watch, &world, &CHECKS, "start the server").await;
    watch.shows(&world, "event-log", true).await;
    are_accepted(&world, &votes).await;
    try_in_vain(&mut world).await;

    broker.run("start");
    are_ready(&world, &USERS).await;
    watch.shows(&world, "event-log", false).await;
    are_counted(&mut world, &votes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_and_expired_certificates_are_told_and_new_ones_in_their_place_are_used_without_a_restart()
 {
    let broker = Own::start("kafka");
    let files = Files::of(&broker, &PRINCIPALS);
    let mut world = world(&broker, &files).await;
    let (votes, mut watch) = begin(&mut world, &LOG, &USERS).await;

    for principal in PRINCIPALS {
        files.show(&broker, principal, "rogue");
    }
    are_told(&watch, &world, &CHECKS, "refuses our certificate").await;
    watch.shows(&world, "event-log", true).await;

    broker.replace(&PRINCIPALS, -1);
    for principal in PRINCIPALS {
        files.show(&broker, principal, principal);
    }
    are_told(&watch, &world, &CHECKS, "put a new one there").await;
    are_accepted(&world, &votes).await;
    try_in_vain(&mut world).await;

    // Nothing that a client has read before is of any use any more: even the authority is another one.
    broker.replace(&["ca", "broker", "payments", "tally"], 90);
    broker.run("stop");
    broker.run("start");
    for principal in PRINCIPALS {
        files.show(&broker, principal, principal);
    }
    are_told(&watch, &world, &CHECKS, "does not lead to").await;
    files.trust(&broker);

    are_ready(&world, &USERS).await;
    watch.shows(&world, "event-log", false).await;
    are_counted(&mut world, &votes).await;
}
