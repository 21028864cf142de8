//! Redemption.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use messages::{
    challenge_bypass::{
        RedemptionOutcome::{First, Replay},
        RedemptionResponse,
    },
    problem::Slug,
};
use reqwest::Response;

use crate::{
    app::{App, ok, problem, redemption},
    tokens::Held,
};

#[tokio::test]
async fn a_repeat_is_harmless_and_any_other_use_is_refused() {
    let app = App::start().await;
    let tokens = app.issue(6).await;
    assert_eq!(app.redeemed("for a", &tokens[..3]).await, (First, 3));

    assert_eq!(app.redeemed("for a", &tokens[..3]).await, (Replay, 3));
    let reversed: Vec<Held> = tokens[..3].iter().rev().cloned().collect();
    assert_eq!(app.redeemed("for a", &reversed).await, (Replay, 3));

    problem(
        app.redeem("for b", &tokens[..3]).await,
        Slug::TokenAlreadyRedeemed,
    )
    .await;
    for other in [
        &tokens[..2],
        &tokens[..4],
        &tokens[2..5],
        &tokens[2..3],
        &tokens[..],
    ] {
        problem(app.redeem("for a", other).await, Slug::TokenAlreadyRedeemed).await;
    }
    assert_eq!(app.redeemed_total().await, 3);
    assert_eq!(app.redeemed("for a", &tokens[3..]).await, (First, 6));
}

#[tokio::test]
async fn unions_of_redemptions_are_refused() {
    let app = App::start().await;
    let tokens = app.issue(4).await;
    app.redeemed("for a", &tokens[..2]).await;
    app.redeemed("for a", &tokens[2..]).await;

    problem(
        app.redeem("for a", &tokens).await,
        Slug::TokenAlreadyRedeemed,
    )
    .await;
    problem(
        app.redeem("for a", &tokens[1..3]).await,
        Slug::TokenAlreadyRedeemed,
    )
    .await;
    assert_eq!(app.redeemed_total().await, 4);
}

#[tokio::test]
async fn of_200_identical_requests_at_once_one_is_the_first() {
    let app = App::start().await;
    let tokens = app.issue(4).await;

    let answers = join_all((0..200).map(|_| app.redeem("for a", &tokens))).await;

    let mut outcomes = Vec::new();
    for answer in answers {
        let answer: RedemptionResponse = ok(answer).await;
        assert_eq!(answer.redeemed_total, 4);
        outcomes.push(answer.outcome);
    }
    assert_eq!(
        outcomes.iter().filter(|outcome| **outcome == First).count(),
        1
    );
    assert_eq!(app.redeemed_total().await, 4);
}

#[tokio::test]
async fn in_a_race_of_overlapping_requests_each_token_is_spent_once() {
    let app = App::start().await;
    let tokens = app.issue(40).await;

    let races = (0..60).map(|n| {
        let (app, from) = (&app, n * 7 % 38);
        let tokens = &tokens[from..from + 3];
        async move {
            let answer = app.redeem(&format!("for {}", n % 30), tokens).await;
            (from, answer.status().as_u16())
        }
    });
    let mut spent = BTreeMap::<usize, usize>::new();
    let mut refused = 0;
    for (from, status) in join_all(races).await {
        match status {
            200 => *spent.entry(from).or_default() += 1,
            409 => refused += 1,
            other => panic!("{other}"),
        }
    }

    let mut covered = vec![0; 40];
    for from in spent.keys() {
        (*from..from + 3).for_each(|place| covered[place] += 1);
    }
    assert!(covered.iter().all(|times| *times <= 1), "{covered:?}");
    assert!(refused > 0 && !spent.is_empty());
    assert_eq!(app.redeemed_total().await, 3 * spent.len() as u64);
}

#[tokio::test]
async fn one_bad_signature_refuses_the_request_and_spends_nothing() {
    let app = App::start().await;
    let tokens = app.issue(10).await;
    for place in 0..10 {
        let mut request = redemption("for a", &tokens);
        request.tokens[place].signature.0[63] ^= 1;
        problem(
            app.post("/v4/redemptions", &request).await,
            Slug::BadSignature,
        )
        .await;
    }
    let mut swapped = redemption("for a", &tokens);
    swapped.tokens[0].signature = swapped.tokens[1].signature;
    problem(
        app.post("/v4/redemptions", &swapped).await,
        Slug::BadSignature,
    )
    .await;
    let mut other_payload = redemption("for a", &tokens);
    other_payload.payload = "for b".to_owned();
    problem(
        app.post("/v4/redemptions", &other_payload).await,
        Slug::BadSignature,
    )
    .await;

    assert_eq!(app.redeemed_total().await, 0);
    assert_eq!(app.redeemed("for a", &tokens).await, (First, 10));
}

#[tokio::test]
async fn a_bad_request_among_many_fails_no_other() {
    let app = App::start().await;
    let tokens = app.issue(60).await;

    let requests = tokens.iter().enumerate().map(|(n, token)| {
        let mut request = redemption("for a", std::slice::from_ref(token));
        if n % 3 == 0 {
            request.tokens[0].signature.0[0] ^= 1;
        }
        let app = &app;
        async move {
            app.post("/v4/redemptions", &request)
                .await
                .status()
                .as_u16()
        }
    });
    let statuses = join_all(requests).await;

    for (n, status) in statuses.into_iter().enumerate() {
        assert_eq!(status, if n % 3 == 0 { 400 } else { 200 }, "{n}");
    }
    assert_eq!(app.redeemed_total().await, 40);
}

#[tokio::test]
async fn preimages_altered_to_the_points_of_a_spent_token_are_refused() {
    let app = App::start().await;
    let token = app.issue(1).await;
    app.redeemed("for a", &token).await;
    let original = token[0].on("for a");
    let bytes = original.t.0;
    let swap: Vec<u8> = [&bytes[32..], &bytes[..32]].concat();
    let mut bit_255 = bytes;
    bit_255[31] ^= 0x80;
    let mut zero_half = bytes;
    zero_half[32..].fill(0);

    for altered in [swap.try_into().unwrap(), bit_255, zero_half, [0; 64]] {
        let mut request = redemption("for a", &token);
        request.tokens[0].t.0 = altered;
        problem(
            app.post("/v4/redemptions", &request).await,
            Slug::BadSignature,
        )
        .await;
    }
    assert_eq!(app.redeemed_total().await, 1);
}

#[tokio::test]
async fn only_a_replay_is_answered_when_nothing_else_is_wanted() {
    let app = App::start().await;
    let token = app.issue(1).await;
    let mut request = redemption("for a", &token);
    request.replay_only = true;

    problem(
        app.post("/v4/redemptions", &request).await,
        Slug::KeyExpired,
    )
    .await;
    app.redeemed("for a", &token).await;
    let replay: RedemptionResponse = ok(app.post("/v4/redemptions", &request).await).await;
    assert_eq!((replay.outcome, replay.redeemed_total), (Replay, 1));
    request.payload.push('!');
    problem(
        app.post("/v4/redemptions", &request).await,
        Slug::TokenAlreadyRedeemed,
    )
    .await;
}

#[tokio::test]
async fn a_registry_that_is_behind_what_the_caller_knows_writes_nothing() {
    let app = App::start().await;
    let tokens = app.issue(3).await;
    app.redeemed("for a", &tokens[..1]).await;
    let knowing = async |at_least| -> Response {
        let mut request = redemption("for b", &tokens[1..2]);
        request.at_least = at_least;
        app.post("/v4/redemptions", &request).await
    };

    problem(knowing(2).await, Slug::RegistryBehind).await;
    assert_eq!(app.redeemed_total().await, 1);
    let spent: RedemptionResponse = ok(knowing(1).await).await;
    assert_eq!((spent.outcome, spent.redeemed_total), (First, 2));
}

#[tokio::test]
async fn a_registry_that_lost_signatures_is_noticed() {
    let app = App::start().await;
    let tokens = app.issue(3).await;
    app.redeemed("for a", &tokens[..1]).await;
    app.sql("UPDATE issuer_keys SET signed_total = 2").await;

    problem(
        app.redeem("for a", &tokens[1..]).await,
        Slug::RegistryInconsistent,
    )
    .await;
    assert_eq!(app.redeemed_total().await, 1);
}

#[tokio::test]
async fn redemptions_survive_a_restart() {
    let mut app = App::start().await;
    let tokens = app.issue(4).await;
    app.redeemed("for a", &tokens[..2]).await;

    app.restart().await.unwrap();

    assert_eq!(app.redeemed("for a", &tokens[..2]).await, (Replay, 2));
    problem(
        app.redeem("for a", &tokens[..1]).await,
        Slug::TokenAlreadyRedeemed,
    )
    .await;
    assert_eq!(app.redeemed("for a", &tokens[2..]).await, (First, 4));
}

/// Contracts §4: `redeem_grace_days` (3) for the secret, and `redemption_retention_days` (90) more for what was spent.
#[tokio::test]
async fn a_secret_outlives_its_key_by_three_days_and_what_was_spent_by_ninety_more() {
    let mut app = App::start().await;
    let tokens = app.issue(1).await;
    app.redeemed("for a", &tokens).await;
    let key = app.keys().await[0].clone();
    assert_eq!(key.redeem_until.to_rfc3339(), "2026-03-02T10:00:00+00:00");

    app.live_until("2026-03-05T10:00:00Z").await;
    assert!(app.has_secret(key.key_id).await);
    app.live_until("2026-03-06T10:00:00Z").await;
    assert!(!app.has_secret(key.key_id).await);

    app.live_until("2026-06-03T10:00:00Z").await;
    assert_eq!(app.redeemed("for a", &tokens).await, (Replay, 1));
    app.live_until("2026-06-04T10:00:00Z").await;
    problem(app.redeem("for a", &tokens).await, Slug::KeyExpired).await;
}

#[tokio::test]
async fn a_key_redeems_until_its_end_and_answers_repeats_after_it() {
    let mut app = App::start().await;
    let tokens = app.issue(3).await;
    let end = app.keys().await[0].redeem_until;
    assert_eq!(end.to_rfc3339(), "2026-03-02T10:00:00+00:00");
    app.live_until("2026-03-02T09:59:59Z").await;
    assert_eq!(app.redeemed("for a", &tokens[..1]).await, (First, 1));

    app.live_until("2026-03-02T10:00:00Z").await;
    problem(app.redeem("for a", &tokens[1..2]).await, Slug::KeyExpired).await;
    assert_eq!(app.redeemed("for a", &tokens[..1]).await, (Replay, 1));

    // Its secret is gone, its spent tokens are not.
    app.live_until("2026-03-20T00:00:00Z").await;
    assert_eq!(app.redeemed("for a", &tokens[..1]).await, (Replay, 1));
    problem(
        app.redeem("for b", &tokens[..1]).await,
        Slug::TokenAlreadyRedeemed,
    )
    .await;

    // After the grace of 3 days and 90 days more, nothing is known and nothing is taken.
    app.live_until("2026-06-05T00:00:00Z").await;
    problem(app.redeem("for a", &tokens[..1]).await, Slug::KeyExpired).await;
    assert_eq!(app.keys().await[0].redeemed_total, 1);
}
