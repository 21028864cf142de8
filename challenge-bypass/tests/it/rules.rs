//! Each decision that a control of the threat model replaces is really the one that is used.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use challenge_bypass::{
    Rules,
    domain::{Judgement, check_token},
};
use challenge_bypass_ristretto::voprf::SigningKey;
use messages::{
    challenge_bypass::{
        RedemptionOutcome::{First, Replay},
        RedemptionResponse, SigningResponse,
    },
    digest::H,
    encoding::Fixed,
    problem::Slug,
};
use rand::rngs::OsRng;
use serde_json::json;
use service_kit::fault::{Crashed, FaultPoints};

use crate::{
    app::{App, PATH, ok, problem, redemption},
    tokens::Blinded,
};

#[tokio::test]
async fn without_the_check_of_signatures_forged_tokens_are_taken() {
    let rules = Rules {
        check_token: |_, _, _, _| true,
        ..Rules::default()
    };
    let app = App::with_rules(rules).await;
    let tokens = app.issue(1).await;
    let mut forged = redemption("for a", &tokens);
    forged.tokens[0].t = Fixed([9; 64]);

    let taken: RedemptionResponse = ok(app.post("/v4/redemptions", &forged).await).await;

    assert_eq!(taken.outcome, First);
}

/// How many tokens were checked on the curve in [`spent_tokens_cost_no_curve_work`].
static CHECKS: AtomicUsize = AtomicUsize::new(0);

#[tokio::test]
async fn spent_tokens_cost_no_curve_work() {
    let rules = Rules {
        check_token: |key, t, payload, signature| {
            CHECKS.fetch_add(1, Ordering::SeqCst);
            check_token(key, t, payload, signature)
        },
        ..Rules::default()
    };
    let app = App::with_rules(rules).await;
    let tokens = app.issue(4).await;
    assert_eq!(app.redeemed("for a", &tokens[..3]).await, (First, 3));
    assert_eq!(CHECKS.load(Ordering::SeqCst), 3);

    assert_eq!(app.redeemed("for a", &tokens[..3]).await, (Replay, 3));
    for (payload, other) in [
        ("for b", &tokens[..3]),
        ("for a", &tokens[..1]),
        ("for a", &tokens),
    ] {
        problem(app.redeem(payload, other).await, Slug::TokenAlreadyRedeemed).await;
    }

    assert_eq!(CHECKS.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn with_a_digest_of_the_payload_alone_a_subset_counts_as_a_replay() {
    let rules = Rules {
        request_digest: |_, payload, _| H::new("planted").part(payload.as_bytes()).finish(),
        ..Rules::default()
    };
    let app = App::with_rules(rules).await;
    let tokens = app.issue(3).await;
    app.redeemed("for a", &tokens).await;

    let subset = app.redeem("for a", &tokens[..1]).await;

    assert!(subset.status().is_success());
}

#[tokio::test]
async fn with_a_judge_that_sees_nothing_only_the_database_is_left() {
    let rules = Rules {
        judge: |_, _| Judgement::Fresh,
        ..Rules::default()
    };
    let app = App::with_rules(rules).await;
    let tokens = app.issue(4).await;
    app.redeemed("for a", &tokens[..1]).await;
    problem(app.redeem("for b", &tokens[..1]).await, Slug::NotReady).await;

    app.sql("CREATE TABLE copied AS SELECT * FROM redemptions")
        .await;
    app.sql("DROP TABLE redemptions").await;
    app.sql("ALTER TABLE copied RENAME TO redemptions").await;
    assert_eq!(app.redeemed("for b", &tokens[..1]).await, (First, 2));
}

#[tokio::test]
async fn with_any_point_accepted_the_identity_is_signed() {
    let rules = Rules {
        accepts_point: |_| true,
        ..Rules::default()
    };
    let app = App::with_rules(rules).await;
    let body = json!({"requestId": Fixed([1; 32]), "blindedTokens": [Fixed([0; 32])]});

    let signed = app.post(&format!("{PATH}/signatures"), &body).await;

    let signed: SigningResponse = ok(signed).await;
    assert_eq!(signed.signed_tokens, [Fixed([0; 32])]);
}

#[tokio::test]
async fn with_a_key_for_each_user_the_signing_key_is_not_in_the_directory() {
    let rules = Rules {
        signing_key: |_| Arc::new(SigningKey::random(&mut OsRng)),
        ..Rules::default()
    };
    let app = App::with_rules(rules).await;
    let blinded = Blinded::new(2);

    let signed: SigningResponse = ok(app.sign(1, &blinded).await).await;

    assert!(blinded.unblind(&signed).is_some());
    let listed = app.directory().await.entries;
    assert!(
        listed
            .iter()
            .all(|entry| entry.issuer_key().unwrap().public_key != signed.public_key)
    );
}

#[tokio::test]
async fn without_the_comparison_of_totals_a_restored_registry_is_not_noticed() {
    let rules = Rules {
        knows_enough: |_, _| true,
        ..Rules::default()
    };
    let app = App::with_rules(rules).await;
    let tokens = app.issue(2).await;
    let mut request = redemption("for a", &tokens);
    request.at_least = 1_000;

    let taken: RedemptionResponse = ok(app.post("/v4/redemptions", &request).await).await;

    assert_eq!(taken.redeemed_total, 2);
}

#[tokio::test]
async fn a_crash_after_any_step_is_made_good_by_the_repeat() {
    for step in ["sign", "count", "verify", "spend"] {
        let once = Arc::new(std::sync::atomic::AtomicBool::new(true));
        let fault = FaultPoints::planned(move |at| {
            let crash = at == step && once.swap(false, std::sync::atomic::Ordering::SeqCst);
            if crash { Err(Crashed(at)) } else { Ok(()) }
        });
        let rules = Rules {
            fault,
            ..Rules::default()
        };
        let app = App::with_rules(rules).await;
        let blinded = Blinded::new(3);
        let mut crashes = 0;

        let signed: SigningResponse = loop {
            let answer = app.sign(1, &blinded).await;
            if answer.status().is_success() {
                break ok(answer).await;
            }
            problem(answer, Slug::NotReady).await;
            crashes += 1;
        };
        let tokens = blinded.unblind(&signed).unwrap();
        let redeemed: RedemptionResponse = loop {
            let answer = app.redeem("for a", &tokens).await;
            if answer.status().is_success() {
                break ok(answer).await;
            }
            problem(answer, Slug::NotReady).await;
            crashes += 1;
        };

        assert_eq!(crashes, 1, "{step}");
        assert_eq!(redeemed.redeemed_total, 3);
        assert_eq!(
            (app.signed_total().await, app.redeemed_total().await),
            (3, 3)
        );
    }
}
