//! Each rule of a request, broken once (threat T14).

use messages::{encoding::Fixed, problem::Slug, star::RandomnessResponse};
use serde_json::{Value, json};

use super::app::{App, ok, points, problem, refusal};

/// The points of a body, and where the refusal points.
fn bodies() -> Vec<(Value, Slug, &'static str)> {
    let good = points(2);
    let with = |third: Value| json!({ "points": [good[0], good[1], third] });
    let mut at_p = [0xFF; 32];
    at_p[0] = 0xED;
    at_p[31] = 0x7F;
    let mut negative = good[0].0;
    negative[0] |= 1;
    let mut high_bit = good[0].0;
    high_bit[31] |= 0x80;
    let text = good[0].to_string();
    let third = "/points/2";
    vec![
        (with(json!(Fixed([0; 32]))), Slug::InvalidPoint, third),
        (with(json!(Fixed(at_p))), Slug::InvalidPoint, third),
        (with(json!(Fixed(negative))), Slug::InvalidPoint, third),
        (with(json!(Fixed(high_bit))), Slug::InvalidPoint, third),
        (with(json!(Fixed([0xFF; 32]))), Slug::InvalidPoint, third),
        (with(json!(Fixed([1; 31]))), Slug::InvalidBody, third),
        (with(json!(Fixed([1; 33]))), Slug::InvalidBody, third),
        (with(json!("")), Slug::InvalidBody, third),
        (with(json!(text.replace('=', ""))), Slug::InvalidBody, third),
        (
            with(json!(text.replace('=', "!"))),
            Slug::InvalidBody,
            third,
        ),
        (with(json!(format!(" {text}"))), Slug::InvalidBody, third),
        (with(json!(1)), Slug::InvalidBody, third),
        (with(json!(null)), Slug::InvalidBody, third),
        (json!({ "points": text }), Slug::InvalidBody, "/points"),
        (json!({ "epoch": 3 }), Slug::InvalidBody, "/points"),
        (json!([]), Slug::InvalidBody, ""),
        (
            json!({ "points": points(1_025) }),
            Slug::InvalidBody,
            "/points",
        ),
        (
            json!({ "points": good, "epoch": 2 }),
            Slug::WrongEpoch,
            "/epoch",
        ),
        (
            json!({ "points": good, "epoch": 4 }),
            Slug::WrongEpoch,
            "/epoch",
        ),
        (
            json!({ "points": good, "epoch": 256 }),
            Slug::InvalidBody,
            "/epoch",
        ),
        (
            json!({ "points": good, "epoch": -1 }),
            Slug::InvalidBody,
            "/epoch",
        ),
        (
            json!({ "points": good, "epoch": "3" }),
            Slug::InvalidBody,
            "/epoch",
        ),
        (
            json!({ "points": good, "epoch": 3.5 }),
            Slug::InvalidBody,
            "/epoch",
        ),
    ]
}

/// The bodies that are not refused as their rules say.
async fn not_refused(app: &App) -> Vec<Value> {
    let mut not_refused = Vec::new();
    for (body, slug, field) in bodies() {
        let expected = Some((slug, vec![field.to_owned()]));
        for path in ["/randomness", "/instances/main/randomness"] {
            if refusal(app.post(path, &body).await).await != expected {
                not_refused.push(body.clone());
            }
        }
    }
    not_refused
}

#[tokio::test]
async fn t14_each_rule_of_a_request_refuses_what_breaks_it() {
    let app = App::start().await;

    assert_eq!(not_refused(&app).await, Vec::<Value>::new());

    // The same service still takes what breaks none.
    assert_eq!(app.evaluated(&points(2)).await.epoch, 3);
}

#[tokio::test]
async fn t14_control_a_service_that_looks_at_no_point_evaluates_the_identity() {
    let app = App::planted(|rules| rules.point = |_| true).await;
    let identity = [Fixed([0; 32])];

    // What is no point at all, the library does not take either: another refusal.
    let of_points = bodies().into_iter();
    let of_points = of_points.filter(|(_, slug, _)| *slug == Slug::InvalidPoint);
    let expected = of_points.flat_map(|(body, ..)| [body.clone(), body]);
    let expected: Vec<Value> = expected.collect();
    assert_eq!(not_refused(&app).await, expected);
    assert_eq!(app.evaluated(&identity).await.points, identity);
}

#[tokio::test]
async fn t14_control_a_service_that_believes_a_requests_epoch_evaluates_the_next_one() {
    let believed = |wanted: Option<u8>, current| Some(wanted.unwrap_or(current));
    let mut app = App::planted(|rules| rules.epoch = believed).await;

    let next = json!({ "points": points(2), "epoch": 4 });
    assert_eq!(not_refused(&app).await, [next.clone(), next]);
    let early: RandomnessResponse = ok(app.evaluate_in(4).await).await;
    app.live_until_hour(1).await;
    assert_eq!(early.points, app.evaluated(&points(2)).await.points);
}

#[tokio::test]
async fn t14_control_a_service_with_a_larger_limit_evaluates_1025_points() {
    let app = App::with(|config| config.limits.points_max = 2_000).await;

    let many = json!({ "points": points(1_025) });
    assert_eq!(not_refused(&app).await, [many.clone(), many]);
}

#[tokio::test]
async fn t14_1024_points_are_taken_and_one_more_is_not() {
    let app = App::start().await;
    assert_eq!(app.info().await.max_points, 1_024);

    assert_eq!(app.evaluated(&points(1_024)).await.points.len(), 1_024);

    let refused = app.evaluate(&points(1_025)).await;
    assert_eq!(problem(refused, Slug::InvalidBody).await, ["/points"]);
}

#[tokio::test]
async fn t14_an_unknown_instance_is_refused() {
    let app = App::start().await;
    let body = json!({ "points": points(1) });

    for name in ["nobody", "Main", "main%2F", "%FF", "main%00"] {
        let path = format!("/instances/{name}");
        let evaluated = app.post(&format!("{path}/randomness"), &body).await;
        let info = app.get(&format!("{path}/info")).await;
        for answer in [evaluated, info] {
            let slug = if name == "%FF" {
                Slug::InvalidPath
            } else {
                Slug::UnknownInstance
            };
            problem(answer, slug).await;
        }
    }
}

#[tokio::test]
async fn bodies_are_bounded_and_json() {
    let app = App::start().await;
    let post = async |kind, body| app.post_text("/randomness", kind, body).await;

    let long = format!("\"{}\"", "x".repeat(131_072));
    problem(post("application/json", long).await, Slug::BodyTooLarge).await;
    let plain = post("text/plain", "{}".to_owned()).await;
    problem(plain, Slug::UnsupportedMediaType).await;
    for body in ["{", "", "{\"points\":[]} {}", &"[".repeat(17)] {
        let answer = post("application/json", body.to_owned()).await;
        problem(answer, Slug::InvalidBody).await;
    }
    problem(app.get("/randomness").await, Slug::MethodNotAllowed).await;
    problem(app.get("/nothing").await, Slug::NotFound).await;
}

#[tokio::test]
async fn points_are_what_is_counted() {
    let app = App::with(|config| {
        config.http.rate_limit.units_per_minute = 1;
        config.http.rate_limit.burst = 20;
    })
    .await;

    app.evaluated(&points(8)).await;
    app.evaluated(&points(8)).await;

    problem(app.evaluate(&points(8)).await, Slug::TooManyRequests).await;
    app.evaluated(&points(1)).await;
}

/// Whoever is refused pays all the same: the check of a point is arithmetic, too.
#[tokio::test]
async fn refused_points_are_counted() {
    let app = App::with(|config| {
        config.http.rate_limit.units_per_minute = 1;
        config.http.rate_limit.burst = 20;
    })
    .await;

    for slug in [
        Slug::InvalidPoint,
        Slug::InvalidPoint,
        Slug::TooManyRequests,
    ] {
        problem(app.evaluate(&[Fixed([0; 32]); 9]).await, slug).await;
    }
}

/// Stock clients send none of these, and are not kept from doing so.
#[tokio::test]
async fn unknown_members_no_points_and_a_null_epoch_are_taken() {
    let app = App::start().await;

    let more = json!({ "points": [], "epoch": null, "more": { "a": 1 } });

    let answer: Value = ok(app.post("/randomness", &more).await).await;
    assert_eq!(answer, json!({ "points": [], "epoch": 3 }));
}
