//! Issuers.

use messages::{challenge_bypass::Issuer, problem::Slug};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::app::{App, NAME, PATH, ok, problem, terms};

#[tokio::test]
async fn an_issuer_is_created_once_and_shown_as_it_is() {
    let app = App::start().await;

    let shown: Issuer = ok(app.get(PATH).await).await;
    let again: Issuer = ok(app.put(PATH, &terms()).await).await;

    assert_eq!(shown, again);
    assert_eq!(shown.name, NAME);
    assert_eq!(serde_json::to_value(&shown.terms).unwrap(), terms());
    assert_eq!(shown.keys.len(), 1);
    assert_eq!(shown.keys[0].sign_from, app.now());
}

#[tokio::test]
async fn an_issuer_that_exists_with_other_terms_is_not_changed() {
    let app = App::start().await;

    for (name, value) in [
        ("fundingSource", json!("anonymous-card")),
        ("sku", json!("other")),
        ("price", json!("0.26")),
        ("currency", json!("USD")),
        ("keyPeriod", json!("P31D")),
        ("redeemablePeriods", json!(3)),
    ] {
        let mut other = terms();
        other[name] = value;
        problem(app.put(PATH, &other).await, Slug::IssuerExists).await;
    }

    // The same amount and the same time in other words are the same terms.
    let mut same = terms();
    same["price"] = json!("0.250");
    let shown: Issuer = ok(app.put(PATH, &same).await).await;
    assert_eq!(serde_json::to_value(&shown.terms).unwrap(), terms());
}

#[tokio::test]
async fn unknown_members_of_terms_are_ignored() {
    let app = App::start().await;
    let mut more = terms();
    more["more"] = json!({"price": "7"});

    let shown: Issuer = ok(app.put(PATH, &more).await).await;

    assert_eq!(serde_json::to_value(&shown.terms).unwrap(), terms());
}

#[tokio::test]
async fn terms_that_break_a_rule_are_refused_where_they_do() {
    let app = App::start().await;
    let refused = async |name: &str, value: Value| {
        let mut broken = terms();
        broken[name] = value;
        let answer = app.put("/v4/issuers/new", &broken).await;
        assert_eq!(
            problem(answer, Slug::InvalidBody).await,
            [format!("/{name}")]
        );
    };

    refused("fundingSource", json!("uphold")).await;
    refused("sku", json!("")).await;
    refused("sku", json!("A b")).await;
    refused("price", json!("0")).await;
    refused("price", json!("-1")).await;
    refused("price", json!("1e3")).await;
    refused("price", json!(0.25)).await;
    refused("currency", json!("bat")).await;
    refused("keyPeriod", json!("P1M")).await;
    refused("keyPeriod", json!("P0D")).await;
    refused("redeemablePeriods", json!(0)).await;
    refused("redeemablePeriods", json!(25)).await;
    refused("redeemablePeriods", json!(-1)).await;
    refused("derivation", json!("rfc9578")).await;

    let mut missing = terms();
    missing.as_object_mut().unwrap().remove("sku");
    let answer = app.put("/v4/issuers/new", &missing).await;
    assert_eq!(problem(answer, Slug::InvalidBody).await, ["/sku"]);
    problem(app.get("/v4/issuers/new").await, Slug::UnknownIssuer).await;
}

#[tokio::test]
async fn a_legacy_issuer_is_refused() {
    let app = App::start().await;
    let mut legacy = terms();
    legacy["derivation"] = json!("legacy");

    problem(
        app.put("/v4/issuers/new", &legacy).await,
        Slug::LegacyNotAllowed,
    )
    .await;
    problem(app.put(PATH, &legacy).await, Slug::LegacyNotAllowed).await;
}

#[tokio::test]
async fn names_match_exactly_and_are_bounded() {
    let app = App::start().await;

    problem(app.get("/v4/issuers/brave.com").await, Slug::UnknownIssuer).await;
    problem(
        app.get(&PATH.to_uppercase().replace("/V4/ISSUERS", "/v4/issuers"))
            .await,
        Slug::UnknownIssuer,
    )
    .await;
    for wrong in ["a%20b", "%C3%A4", &"x".repeat(129)] {
        let path = format!("/v4/issuers/{wrong}");
        problem(app.get(&path).await, Slug::InvalidPath).await;
        problem(app.put(&path, &terms()).await, Slug::InvalidPath).await;
    }
}

#[tokio::test]
async fn of_many_simultaneous_creations_one_creates() {
    let app = App::with(|_| {}, challenge_bypass::Rules::default()).await;

    let puts = (0..16).map(|_| app.put(PATH, &TERMS));
    let answers = futures_util::future::join_all(puts).await;

    let created = answers
        .iter()
        .filter(|answer| answer.status() == StatusCode::CREATED);
    assert_eq!(created.count(), 1);
    assert!(answers.iter().all(|answer| answer.status().is_success()));
    assert_eq!(app.directory().await.entries.len(), 1);
}

static TERMS: std::sync::LazyLock<Value> = std::sync::LazyLock::new(terms);
