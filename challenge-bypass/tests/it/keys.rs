//! The life of keys, and the directory that tells it.

use std::collections::BTreeSet;

use messages::{
    KeyId, PublicKey,
    challenge_bypass::{
        Issuer,
        RedemptionOutcome::{First, Replay},
    },
    directory::{Event, check_chain},
    encoding::Fixed,
    problem::Slug,
};
use reqwest::{Method, StatusCode};

use crate::app::{App, PATH, ok, problem};

#[tokio::test]
async fn keys_follow_each_other_without_gap_overlap_or_surprise() {
    let mut app = App::with(|_| {}, challenge_bypass::Rules::default()).await;
    app.put_issuer().await;
    let mut seen = BTreeSet::<PublicKey>::new();
    for day in 2..100 {
        let now = app.now();
        for key in app.keys().await {
            if seen.insert(key.public_key) {
                assert!(key.sign_from - now >= chrono::TimeDelta::hours(24), "{now}");
            }
        }
        let time = app.now() + chrono::TimeDelta::days(1);
        assert!(day > 0);
        app.live_until(&time.to_rfc3339()).await;
    }

    let keys = app.keys().await;
    assert_eq!(keys.len(), 4);
    assert_eq!(keys[0].sign_from.to_rfc3339(), "2026-01-03T00:00:00+00:00");
    for pair in keys.windows(2) {
        assert_eq!(pair[0].sign_until, pair[1].sign_from);
        assert_eq!(pair[0].redeem_until, pair[1].sign_until);
    }
    let directory = app.directory().await;
    assert_eq!(check_chain(&directory.entries), Ok(()));
    assert_eq!(directory.entries.len(), 4);
    assert!(directory.heads.is_empty());
}

#[tokio::test]
async fn rotating_invalidates_nothing() {
    let mut app = App::start().await;
    let old = app.issue(2).await;
    app.live_until("2026-02-05T00:00:00Z").await;
    let new = app.issue(2).await;
    assert_ne!(old[0].key, new[0].key);

    assert_eq!(app.redeemed("for a", &old).await, (First, 2));
    assert_eq!(app.redeemed("for a", &new).await, (First, 2));
}

#[tokio::test]
async fn rotating_by_hand_announces_one_successor_and_no_more() {
    let app = App::start().await;
    let path = format!("{PATH}/keys/rotate");
    let first = app.keys().await.remove(0);

    for _ in 0..2 {
        let issuer: Issuer = ok(app.request(Method::POST, &path).send().await.unwrap()).await;
        assert_eq!(issuer.keys.len(), 2);
        assert_eq!(issuer.keys[1].sign_from, first.sign_until);
    }

    // The first still signs.
    assert_eq!(app.issue(1).await[0].key, first.public_key);
    let unknown = app.request(Method::POST, "/v4/issuers/nobody/keys/rotate");
    problem(unknown.send().await.unwrap(), Slug::UnknownIssuer).await;
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_once_and_stands_in_the_directory() {
    let app = App::start().await;
    let tokens = app.issue(2).await;
    app.redeemed("for a", &tokens[..1]).await;
    let revoked = app.keys().await.remove(0);
    let path = format!("/v4/keys/{}/revoke", revoked.key_id);

    for _ in 0..2 {
        let answer = app.request(Method::POST, &path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }

    problem(app.redeem("for a", &tokens[1..]).await, Slug::KeyRevoked).await;
    assert_eq!(app.redeemed("for a", &tokens[..1]).await, (Replay, 1));
    let keys = app.keys().await;
    assert_eq!(keys.len(), 2);
    assert!(
        keys.iter()
            .any(|key| key.revoked && key.key_id == revoked.key_id)
    );
    // Without notice, the next key signs at once.
    assert_ne!(app.issue(1).await[0].key, revoked.public_key);
    let entries = app.directory().await.entries;
    let events: Vec<_> = entries
        .iter()
        .map(|entry| entry.issuer_key().unwrap().event)
        .collect();
    assert_eq!(events, [Event::Added, Event::Revoked, Event::Added]);
    assert_eq!(check_chain(&entries), Ok(()));
}

#[tokio::test]
async fn only_a_key_that_exists_can_be_revoked() {
    let app = App::start().await;
    let revoke = async |id: &str| {
        let path = format!("/v4/keys/{id}/revoke");
        app.request(Method::POST, &path).send().await.unwrap()
    };
    let unknown = KeyId::of(&Fixed([7; 32])).to_string();

    problem(revoke(&unknown).await, Slug::NotFound).await;
    for wrong in ["x", &unknown.to_uppercase(), &unknown[1..]] {
        problem(revoke(wrong).await, Slug::InvalidPath).await;
    }
    assert!(app.keys().await.iter().all(|key| !key.revoked));
}

#[tokio::test]
async fn the_directory_has_the_same_bytes_for_everybody_and_no_validator() {
    let app = App::start().await;
    app.issue(1).await;

    let one = app.get("/v4/key-directory").await;
    assert!(!one.headers().contains_key("etag") && !one.headers().contains_key("last-modified"));
    let one = one.bytes().await.unwrap();
    let other = app.get("/v4/key-directory").await.bytes().await.unwrap();
    assert_eq!(one, other);

    let key = &app.keys().await[0];
    let entries = app.directory().await.entries;
    let entry = entries[0].issuer_key().unwrap();
    assert_eq!(
        (entry.public_key, entry.key_id),
        (key.public_key, key.key_id)
    );
    assert_eq!(entry.sign_until, key.sign_until);
    assert_eq!(entry.base_vote_value.to_string(), "0.25");
}
