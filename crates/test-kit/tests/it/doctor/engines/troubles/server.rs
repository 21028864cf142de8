//! A database server.

use http::StatusCode;
use service_kit::engines::own::Own;
use test_kit::{World, engines::Instead};

use super::{
    super::super::{CHALLENGE_BYPASS, PAYMENTS, TALLY, running::DATABASES},
    Files, ServiceName, answers, are_accepted, are_counted, are_ready, are_told, begin,
};

/// Who uses it.
const USERS: [ServiceName; 3] = [PAYMENTS, CHALLENGE_BYPASS, TALLY];

/// What each of them looks at.
const CHECKS: [(ServiceName, &str); 4] = [
    (PAYMENTS, "orders-database"),
    (PAYMENTS, "votes-database"),
    (CHALLENGE_BYPASS, "database"),
    (TALLY, "database"),
];

async fn world(server: &Own, files: &Files) -> World {
    let instead = Instead::new().unwrap();
    let instead = instead.server(server, files.0.path()).await.unwrap();
    World::on(instead.of_a_new_world().await.unwrap())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_server_is_told_and_when_it_is_back_the_same_votes_are_accepted_and_counted() {
    let server = Own::start("postgres");
    let files = Files::of(&server, &[]);
    let mut world = world(&server, &files).await;
    let (votes, mut watch) = begin(&mut world, &DATABASES, &USERS).await;

    server.run("kill");
    are_told(&watch, &world, &CHECKS, "start the server").await;
    watch.shows(&world, "votes-database", true).await;
    let one = votes.get(..1).unwrap();
    assert_eq!(
        answers(&world, one).await,
        [StatusCode::SERVICE_UNAVAILABLE]
    );

    server.run("start");
    are_ready(&world, &USERS).await;
    watch.shows(&world, "votes-database", false).await;
    are_accepted(&world, &votes).await;
    are_counted(&mut world, &votes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_certificate_expired_or_is_of_another_authority_is_told_until_one_is_replaced()
 {
    let server = Own::start("postgres");
    let files = Files::of(&server, &[]);
    let mut world = world(&server, &files).await;
    let (votes, mut watch) = begin(&mut world, &DATABASES, &USERS).await;

    server.run("stop");
    server.replace(&["postgres"], -1);
    server.run("start");
    are_told(&watch, &world, &CHECKS, "has expired").await;
    watch.shows(&world, "database", true).await;

    server.run("stop");
    server.replace(&["ca", "postgres"], 90);
    server.run("start");
    are_told(&watch, &world, &CHECKS, "does not lead to").await;

    files.trust(&server);
    are_ready(&world, &USERS).await;
    watch.shows(&world, "database", false).await;
    are_accepted(&world, &votes).await;
    are_counted(&mut world, &votes).await;
}
