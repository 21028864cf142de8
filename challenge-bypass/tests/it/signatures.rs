//! Signing.

use messages::{challenge_bypass::SigningResponse, encoding::Fixed, problem::Slug};
use serde_json::json;

use crate::{
    app::{App, PATH, ok, problem},
    tokens::Blinded,
};

#[tokio::test]
async fn signed_tokens_carry_a_proof_and_are_counted() {
    let app = App::start().await;
    let blinded = Blinded::new(40);

    let signed: SigningResponse = ok(app.sign(1, &blinded).await).await;

    assert_eq!(blinded.unblind(&signed).unwrap().len(), 40);
    assert!(Blinded::new(40).unblind(&signed).is_none());
    let keys = app.keys().await;
    assert_eq!(keys[0].public_key, signed.public_key);
    assert_eq!(keys[0].signed_total, 40);
}

#[tokio::test]
async fn a_repeat_is_signed_again_and_counted_once() {
    let app = App::start().await;
    let blinded = Blinded::new(8);

    let answers = futures_util::future::join_all((0..4).map(|_| app.sign(1, &blinded))).await;

    let mut signed = Vec::new();
    for answer in answers {
        let answer: SigningResponse = ok(answer).await;
        assert!(blinded.unblind(&answer).is_some());
        signed.push(answer.signed_tokens);
    }
    signed.dedup();
    assert_eq!(signed.len(), 1);
    assert_eq!(app.signed_total().await, 8);

    // Another id, or other points under the same id, are another request.
    let _other_id: SigningResponse = ok(app.sign(2, &blinded).await).await;
    assert_eq!(app.signed_total().await, 16);
    let _other_points: SigningResponse = ok(app.sign(1, &Blinded::new(4)).await).await;
    assert_eq!(app.signed_total().await, 20);
}

#[tokio::test]
async fn a_repeat_after_rotation_is_signed_by_the_key_that_signed_first() {
    let mut app = App::start().await;
    let blinded = Blinded::new(4);
    let before: SigningResponse = ok(app.sign(1, &blinded).await).await;

    app.live_until("2026-02-01T00:00:00Z").await;

    let again: SigningResponse = ok(app.sign(1, &blinded).await).await;
    assert_eq!(again.public_key, before.public_key);
    assert_eq!(again.signed_tokens, before.signed_tokens);
    let new: SigningResponse = ok(app.sign(2, &blinded).await).await;
    assert_ne!(new.public_key, before.public_key);
    assert_eq!(app.signed_total().await, 8);
}

#[tokio::test]
async fn what_a_revoked_key_had_signed_is_signed_anew_and_counted_for_the_next_key_alone() {
    let app = App::start().await;
    let blinded = Blinded::new(8);
    let lost: SigningResponse = ok(app.sign(1, &blinded).await).await;
    app.revoke_first_key().await;

    for _ in 0..2 {
        let anew: SigningResponse = ok(app.sign(1, &blinded).await).await;
        assert_ne!(anew.public_key, lost.public_key);
    }

    assert_eq!(app.signed_by(&lost.public_key).await, 0);
    assert_eq!(app.signed_total().await, 8);
}

#[tokio::test]
async fn what_was_redeemed_of_a_revoked_key_is_not_signed_anew() {
    let app = App::start().await;
    let blinded = Blinded::new(4);
    let signed: SigningResponse = ok(app.sign(1, &blinded).await).await;
    let held = blinded.unblind(&signed).unwrap();
    app.redeemed("payload", &held[..1]).await;
    app.revoke_first_key().await;

    problem(app.sign(1, &blinded).await, Slug::RegistryInconsistent).await;

    assert_eq!(app.signed_by(&signed.public_key).await, 4);
    assert_eq!(app.signed_total().await, 4);
}

#[tokio::test]
async fn a_live_key_whose_secret_is_gone_is_no_final_refusal() {
    let mut app = App::start().await;
    let held = app.issue(1).await;
    app.stop().await;
    app.sql("DELETE FROM sealed_keys").await;
    app.run_again().await.unwrap();

    let redeemed = app.redeem("payload", &held).await;
    problem(redeemed, Slug::RegistryInconsistent).await;
    let signed = app.sign(2, &Blinded::new(1)).await;
    problem(signed, Slug::RegistryInconsistent).await;

    app.revoke_first_key().await;
    problem(app.redeem("payload", &held).await, Slug::KeyRevoked).await;
}

#[tokio::test]
async fn a_key_does_not_sign_before_its_notice() {
    let mut app = App::with(|_| {}, challenge_bypass::Rules::default()).await;
    app.put_issuer().await;
    let blinded = Blinded::new(1);

    problem(app.sign(1, &blinded).await, Slug::NoConfirmedKey).await;
    app.live_until("2026-01-02T23:59:59Z").await;
    problem(app.sign(1, &blinded).await, Slug::NoConfirmedKey).await;
    app.live_until("2026-01-03T00:00:00Z").await;
    let _signed: SigningResponse = ok(app.sign(1, &blinded).await).await;
}

#[tokio::test]
async fn points_that_may_not_be_signed_are_refused_where_they_stand() {
    let app = App::start().await;
    let points = Blinded::new(3).points();
    let mut not_canonical = points[1];
    not_canonical.0[31] |= 0x80;

    for wrong in [Fixed([0; 32]), Fixed([0xFF; 32]), not_canonical] {
        let body = json!({
            "requestId": Fixed([1; 32]),
            "blindedTokens": [points[0], wrong, points[2]],
        });
        let answer = app.post(&format!("{PATH}/signatures"), &body).await;
        assert_eq!(
            problem(answer, Slug::InvalidPoint).await,
            ["/blindedTokens/1"]
        );
    }
    assert_eq!(app.signed_total().await, 0);
}

#[tokio::test]
async fn each_rule_of_a_signing_request_refuses_what_breaks_it() {
    let app = App::start().await;
    let id = Fixed([1; 32]).to_string();
    let points = Blinded::new(2).points();
    let path = format!("{PATH}/signatures");
    let refused = async |body: serde_json::Value, slug, field: &str| {
        let fields = problem(app.post(&path, &body).await, slug).await;
        assert_eq!(fields, [field]);
    };

    let twice = json!([points[0], points[1], points[0]]);
    let many = vec![points[0]; 401];
    let short = &id[..40];
    for (body, slug, field) in [
        (
            json!({"requestId": id, "blindedTokens": []}),
            Slug::InvalidBody,
            "/blindedTokens",
        ),
        (
            json!({"requestId": id, "blindedTokens": many}),
            Slug::InvalidBody,
            "/blindedTokens",
        ),
        (
            json!({"requestId": id, "blindedTokens": twice}),
            Slug::DuplicateToken,
            "/blindedTokens/2",
        ),
        (
            json!({"requestId": id, "blindedTokens": [short]}),
            Slug::InvalidBody,
            "/blindedTokens/0",
        ),
        (
            json!({"requestId": id, "blindedTokens": [7]}),
            Slug::InvalidBody,
            "/blindedTokens/0",
        ),
        (
            json!({"requestId": id}),
            Slug::InvalidBody,
            "/blindedTokens",
        ),
        (
            json!({"blindedTokens": points}),
            Slug::InvalidBody,
            "/requestId",
        ),
        (
            json!({"requestId": short, "blindedTokens": points}),
            Slug::InvalidBody,
            "/requestId",
        ),
    ] {
        refused(body, slug, field).await;
    }

    let body = json!({"requestId": id, "blindedTokens": points});
    let unknown = app.post("/v4/issuers/nobody/signatures", &body);
    problem(unknown.await, Slug::UnknownIssuer).await;
    assert_eq!(app.signed_total().await, 0);
}

#[tokio::test]
async fn unknown_members_of_a_signing_request_are_ignored() {
    let app = App::start().await;
    let blinded = Blinded::new(2);
    let body = json!({"requestId": Fixed([1; 32]), "blindedTokens": blinded.points(), "more": 1});

    let signed = app.post(&format!("{PATH}/signatures"), &body).await;

    assert!(blinded.unblind(&ok(signed).await).is_some());
    let _same: SigningResponse = ok(app.sign(1, &blinded).await).await;
    assert_eq!(app.signed_total().await, 2);
}

#[tokio::test]
async fn as_many_requests_wait_for_a_core_as_the_settings_say() {
    let change = |config: &mut challenge_bypass::Config| {
        config.keys.notice_hours = 0;
        config.crypto.queue_jobs_per_core = 100.try_into().unwrap();
    };
    let app = App::with(change, challenge_bypass::Rules::default()).await;
    app.put_issuer().await;
    let blinded = Blinded::new(400);

    let all = futures_util::future::join_all((0..30).map(|id| app.sign(id, &blinded))).await;

    assert!(all.iter().all(|answer| answer.status() == 200));
}

#[tokio::test]
async fn the_largest_batch_is_signed() {
    let app = App::start().await;
    assert_eq!(app.issue(400).await.len(), 400);
    assert_eq!(app.signed_total().await, 400);
}
