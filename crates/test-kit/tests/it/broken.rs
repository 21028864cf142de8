//! A connection between services that breaks, and what a client's repeat does then.

use blindtally::system::{Planted, Profile, ServiceName};
use client::{browser::Interest, transport::Request};
use http::StatusCode;
use messages::{FundingSource, vote_text::VoteType};
use test_kit::{
    Faults, World,
    proxy::{Proxy, Weather},
};

/// A vote of a browser that has bought tokens: the bytes that it would send.
async fn prepared_vote(world: &mut World) -> Vec<u8> {
    let mut browser = world
        .buy("ada", FundingSource::UserWallet, 4)
        .await
        .unwrap();
    let interests = [Interest {
        publisher: "example.com".parse().unwrap(),
        attention: 1,
    }];
    browser
        .plan_votes(&interests, VoteType::AutoContribute)
        .await
        .unwrap();
    browser
        .wallet()
        .state
        .votes
        .first()
        .unwrap()
        .body
        .clone()
        .into_bytes()
}

async fn send(world: &World, vote: &[u8]) -> StatusCode {
    let request = Request::post("/v1/votes", vote.to_vec());
    world
        .send(ServiceName::Payments, &request)
        .await
        .unwrap()
        .status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vote_is_refused_for_now_while_the_issuer_is_out_of_reach_and_counts_when_repeated() {
    let mut world = World::start().await.unwrap();
    let vote = prepared_vote(&mut world).await;
    let issuer = world.layout().listen(ServiceName::ChallengeBypass).api;
    let proxy = Proxy::start(issuer).await.unwrap();
    let mut profile = Profile::demo();
    profile.payments.set(
        "challenge_bypass.url",
        format!("https://{}/", proxy.address()),
    );
    world.plant(profile, Planted::default());
    world.restart().await.unwrap();

    proxy.set(Weather::Cut);
    assert_eq!(send(&world, &vote).await, StatusCode::SERVICE_UNAVAILABLE);
    // The issuer takes the tokens now, and payments does not hear of it.
    proxy.set(Weather::HalfOpen);
    assert_eq!(send(&world, &vote).await, StatusCode::SERVICE_UNAVAILABLE);
    proxy.set(Weather::Cut);
    proxy.set(Weather::Pass);

    assert_eq!(send(&world, &vote).await, StatusCode::OK);
    assert_eq!(send(&world, &vote).await, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_redeeming_and_recording_costs_nothing_but_a_repeat() {
    let faults = Faults::default();
    let mut planted = Planted::default();
    planted.payments.fault = faults.points();
    let mut world = World::with(Profile::demo(), planted).await.unwrap();
    let vote = prepared_vote(&mut world).await;

    faults.arm("vote-redeemed", 1);
    let first = send(&world, &vote).await;

    assert!(first.is_server_error(), "{first}");
    assert_eq!(faults.reached("vote-redeemed"), 1);
    assert_eq!(send(&world, &vote).await, StatusCode::OK);
}
