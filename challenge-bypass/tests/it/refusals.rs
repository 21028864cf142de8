//! Bad input at the doors that all routes share, and the rules of a redemption's body.

use challenge_bypass::{Config, Rules};
use messages::{encoding::Fixed, problem::Slug};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::{
    app::{App, PATH, problem, redemption},
    tokens::Blinded,
};

/// A change of a good body, the slug it is refused with, and the field that is named.
type Case = (fn(&mut Value), Slug, Option<&'static str>);

const CASES: [Case; 16] = [
    (
        |b| b["tokens"] = json!([]),
        Slug::InvalidBody,
        Some("/tokens"),
    ),
    (
        |b| b["tokens"] = json!(vec![&b["tokens"][0]; 401]),
        Slug::InvalidBody,
        Some("/tokens"),
    ),
    (
        |b| b["payload"] = json!(""),
        Slug::InvalidBody,
        Some("/payload"),
    ),
    (
        |b| b["payload"] = json!("x".repeat(1_025)),
        Slug::InvalidBody,
        Some("/payload"),
    ),
    (
        |b| b["payload"] = json!(1),
        Slug::InvalidBody,
        Some("/payload"),
    ),
    (
        |b| b["tokens"][1] = b["tokens"][0].clone(),
        Slug::DuplicateToken,
        None,
    ),
    (
        |b| b["tokens"][1]["publicKey"] = json!(OTHER_KEY),
        Slug::MixedKeys,
        None,
    ),
    (
        |b| b["tokens"][0]["more"] = json!(1),
        Slug::InvalidBody,
        Some("/tokens/0/more"),
    ),
    (|b| b["more"] = json!(1), Slug::InvalidBody, Some("/more")),
    (
        |b| b["tokens"][0]["t"] = json!("AAAA"),
        Slug::InvalidBody,
        Some("/tokens/0/t"),
    ),
    (
        |b| b["tokens"][0]["t"] = json!(null),
        Slug::InvalidBody,
        Some("/tokens/0/t"),
    ),
    (
        |b| b["atLeast"] = json!(-1),
        Slug::InvalidBody,
        Some("/atLeast"),
    ),
    (
        |b| b["atLeast"] = json!(1.5),
        Slug::InvalidBody,
        Some("/atLeast"),
    ),
    (
        |b| b["replayOnly"] = json!("yes"),
        Slug::InvalidBody,
        Some("/replayOnly"),
    ),
    (|b| *b = json!([]), Slug::InvalidBody, Some("")),
    (all_of_another_key, Slug::UnknownIssuerKey, None),
];

const OTHER_KEY: Fixed<32> = Fixed([1; 32]);

fn all_of_another_key(body: &mut Value) {
    for token in body["tokens"].as_array_mut().unwrap() {
        token["publicKey"] = json!(OTHER_KEY);
    }
}

#[tokio::test]
async fn each_rule_of_a_redemption_refuses_what_breaks_it() {
    let app = App::start().await;
    let tokens = app.issue(2).await;
    let good = serde_json::to_value(redemption("for a", &tokens)).unwrap();

    for (change, slug, field) in CASES {
        let mut body = good.clone();
        change(&mut body);
        let fields = problem(app.post("/v4/redemptions", &body).await, slug).await;
        assert_eq!(fields.first().map(String::as_str), field, "{body}");
    }

    assert_eq!(app.redeemed_total().await, 0);
}

#[tokio::test]
async fn bodies_are_bounded_and_json() {
    let app = App::start().await;
    let send = async |path: &str, body: String, kind: &str| -> Response {
        let request = app.request(Method::POST, path).header("content-type", kind);
        request.body(body).send().await.unwrap()
    };
    let (sign, redeem) = (format!("{PATH}/signatures"), "/v4/redemptions");

    for (path, max) in [(sign.as_str(), 65_536), (redeem, 131_072)] {
        let long = format!("\"{}\"", "x".repeat(max));
        problem(
            send(path, long, "application/json").await,
            Slug::BodyTooLarge,
        )
        .await;
        problem(
            send(path, "{}".to_owned(), "text/plain").await,
            Slug::UnsupportedMediaType,
        )
        .await;
        problem(
            send(path, "{".to_owned(), "application/json").await,
            Slug::InvalidBody,
        )
        .await;
        let deep = format!("{}{}", "[".repeat(17), "]".repeat(17));
        problem(
            send(path, deep, "application/json").await,
            Slug::InvalidBody,
        )
        .await;
        let more = "{} {}".to_owned();
        problem(
            send(path, more, "application/json").await,
            Slug::InvalidBody,
        )
        .await;
    }
    let long = format!("\"{}\"", "x".repeat(20_000));
    let put = app
        .request(Method::PUT, PATH)
        .header("content-type", "application/json");
    problem(put.body(long).send().await.unwrap(), Slug::BodyTooLarge).await;
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems_too() {
    let app = App::start().await;

    problem(app.get("/v4/nothing").await, Slug::NotFound).await;
    problem(app.get("/v1/issuer").await, Slug::NotFound).await;
    problem(app.get("/v4/redemptions").await, Slug::MethodNotAllowed).await;
}

/// A list of a struct's values, in the order of its members, is another form of it that nobody is told of.
#[tokio::test]
async fn a_list_is_no_object() {
    let app = App::start().await;
    let tokens = app.issue(2).await;
    let good = serde_json::to_value(redemption("payload", &tokens)).unwrap();
    let token = good["tokens"][0].clone();
    let values = json!([token["publicKey"], token["t"], token["signature"]]);
    let whole = json!([good["payload"], good["tokens"], false, 0]);
    let nested = json!({"payload": "payload", "tokens": [token, values]});
    let sign = format!("{PATH}/signatures");
    let batch = json!([Fixed([1; 32]), Blinded::new(1).points()]);
    let terms = ["user-wallet", "a", "0.25", "BAT", "P30D"];
    let mut issuer: Vec<serde_json::Value> = terms.map(Into::into).into();
    issuer.extend([2.into(), "rfc9497".into()]);

    for (answer, field) in [
        (app.post("/v4/redemptions", &whole).await, ""),
        (app.post("/v4/redemptions", &nested).await, "/tokens/1"),
        (app.post(&sign, &batch).await, ""),
        (app.put("/v4/issuers/a", &issuer.into()).await, ""),
    ] {
        assert_eq!(problem(answer, Slug::InvalidBody).await, [field]);
    }

    assert_eq!(app.redeemed_total().await, 0);
    problem(app.get("/v4/issuers/a").await, Slug::UnknownIssuer).await;
}

/// An issuer, in a service where one address may use 20 units at once, and hardly more later.
async fn with_twenty_units() -> App {
    let change = |config: &mut Config| {
        config.keys.notice_hours = 0;
        config.http.rate_limit.units_per_minute = 1;
        config.http.rate_limit.burst = 20;
    };
    let app = App::with(change, Rules::default()).await;
    app.put_issuer().await;
    app
}

#[tokio::test]
async fn signatures_cost_as_many_units_as_there_are_tokens() {
    let app = with_twenty_units().await;

    app.issue(8).await;
    app.issue(8).await;

    problem(app.sign(1, &Blinded::new(8)).await, Slug::TooManyRequests).await;
    app.issue(1).await;
}

#[tokio::test]
async fn a_redemption_costs_as_many_units_as_it_has_tokens() {
    let app = with_twenty_units().await;
    let tokens = app.issue(8).await;

    app.redeemed("for a", &tokens).await;

    problem(app.redeem("for a", &tokens).await, Slug::TooManyRequests).await;
}
