//! Votes that are taken, once.

use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::join_all;
use messages::problem::Slug;
use service_kit::fault::{Crashed, FaultPoints};

use crate::house::{CARD, House, WALLET, Wish, vote};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vote_is_taken_and_its_repeat_changes_nothing() {
    let house = House::start().await;
    let vote = vote("example.com", &house.tokens(WALLET, 4).await);

    for _ in 0..3 {
        let answer = house.post("/v1/votes", &vote).await;
        assert_eq!((answer.status, &*answer.body), (200, &b"{}"[..]));
    }
    let slashed = house.post("/v1/votes/", &vote).await;

    assert_eq!(slashed.status, 200);
    assert_eq!(house.recorded().await, (1, 4));
    assert_eq!(house.redeemed().await, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_identical_votes_at_once_count_once() {
    let house = House::start().await;
    let vote = vote("example.com", &house.tokens(WALLET, 8).await);

    let answers = join_all((0..200).map(|_| house.post("/v1/votes", &vote))).await;

    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(house.recorded().await, (1, 8));
    assert_eq!(house.redeemed().await, 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_other_grouping_of_spent_tokens_is_taken() {
    let house = House::start().await;
    let tokens = house.tokens(WALLET, 7).await;
    let (first, second) = (&tokens[..4], &tokens[4..6]);
    assert_eq!(
        house
            .post("/v1/votes", &vote("example.com", first))
            .await
            .status,
        200
    );
    assert_eq!(
        house
            .post("/v1/votes", &vote("example.com", second))
            .await
            .status,
        200
    );

    let unspent = &tokens[6];
    let with_fresh: Vec<_> = first.iter().chain([unspent]).cloned().collect();
    for (what, other) in [
        ("a subset", vote("example.com", &tokens[..3])),
        ("one of them", vote("example.com", &tokens[3..4])),
        ("a superset", vote("example.com", &with_fresh)),
        ("a union", vote("example.com", &tokens[..6])),
        ("parts of two", vote("example.com", &tokens[3..5])),
        ("another text", vote("example.org", first)),
    ] {
        let answer = house.post("/v1/votes", &other).await;
        assert_eq!(answer.slug(), Some(Slug::TokenAlreadyRedeemed), "{what}");
    }
    let reordered: Vec<_> = first.iter().rev().cloned().collect();
    assert_eq!(
        house
            .post("/v1/votes", &vote("example.com", &reordered))
            .await
            .status,
        200
    );

    assert_eq!(house.recorded().await, (2, 6));
    let left = vote("example.com", &tokens[6..]);
    assert_eq!(
        house.post("/v1/votes", &left).await.status,
        200,
        "the fresh one is not spent"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_challenge_bypass_is_down_votes_wait_with_their_clients() {
    let mut house = House::start().await;
    let vote = vote("example.com", &house.tokens(WALLET, 4).await);
    house.stop_challenge_bypass().await;

    let refused = house.post("/v1/votes", &vote).await;
    assert_eq!(refused.slug(), Some(Slug::IssuerUnavailable));
    assert_eq!(refused.headers["retry-after"], "5");
    assert_eq!(house.recorded().await, (0, 0));
    house.start_challenge_bypass().await;

    assert_eq!(house.post("/v1/votes", &vote).await.status, 200);
    assert_eq!(house.recorded().await, (1, 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_after_redemption_or_recording_is_mended_by_the_repeat() {
    for point in ["vote-redeemed", "vote-recorded"] {
        let mut wish = Wish::default();
        let left = AtomicU64::new(2);
        wish.rules.fault = FaultPoints::planned(move |name| {
            let hit = name == point
                && left
                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1))
                    .is_ok();
            if hit { Err(Crashed(name)) } else { Ok(()) }
        });
        let house = House::with(wish).await;
        let vote = vote("example.com", &house.tokens(CARD, 4).await);

        let first = house.post("/v1/votes", &vote).await;
        let mut last = house.post("/v1/votes", &vote).await;
        while last.status != 200 {
            last = house.post("/v1/votes", &vote).await;
        }

        assert_eq!(first.slug(), Some(Slug::Internal), "{point}");
        assert_eq!(house.recorded().await, (1, 4), "{point}");
        assert_eq!(house.redeemed().await, 4, "{point}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_revocation_and_expiry_only_what_was_taken_before_is_answered() {
    for ends in ["revoked", "expired"] {
        let mut house = House::start().await;
        let tokens = house.tokens(WALLET, 6).await;
        let before = vote("example.com", &tokens[..4]);
        assert_eq!(house.post("/v1/votes", &before).await.status, 200);

        let expected = if ends == "revoked" {
            let key = messages::KeyId::of(tokens[0].key());
            house.operate(&format!("/v4/keys/{key}/revoke")).await;
            Slug::KeyRevoked
        } else {
            house.simulation.run_for(chrono::TimeDelta::days(61)).await;
            Slug::KeyExpired
        };

        let late = house
            .post("/v1/votes", &vote("example.com", &tokens[4..]))
            .await;
        assert_eq!(late.slug(), Some(expected));
        assert_eq!(house.post("/v1/votes", &before).await.status, 200, "{ends}");
        assert_eq!(house.redeemed().await, 4);
    }
}
