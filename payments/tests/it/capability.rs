//! Without the order's capability nobody sees or does anything with it (threat T8).

use chrono::TimeDelta;
use http::Method;
use payments::domain::macaroons::narrow;
use serde_json::json;
use uuid::Uuid;

use crate::{
    house::{Answer, Wish},
    shop::{Bought, Shop},
};

/// Every route that is about an order, with what it allows.
fn routes(bought: &Bought) -> Vec<(Method, String, &'static str)> {
    let item = bought.order.items[0].id;
    vec![
        (Method::GET, String::new(), "read"),
        (Method::GET, "/transactions".to_owned(), "read"),
        (Method::POST, "/transactions/uphold".to_owned(), "pay"),
        (Method::POST, "/transactions/gemini".to_owned(), "pay"),
        (
            Method::POST,
            "/transactions/anonymousCard".to_owned(),
            "pay",
        ),
        (Method::POST, "/credentials".to_owned(), "sign"),
        (Method::GET, "/credentials".to_owned(), "read"),
        (Method::GET, format!("/credentials/{item}"), "read"),
    ]
}

fn same(answers: &[Answer]) {
    for answer in answers {
        assert_eq!((answer.status, answer.refusal()), (401, "unauthorized"));
        assert_eq!(answer.body, answers[0].body);
        let names = |one: &Answer| {
            let mut names: Vec<_> = one.headers.keys().map(ToString::to_string).collect();
            names.sort();
            names
        };
        assert_eq!(names(answer), names(&answers[0]));
    }
}

#[tokio::test]
async fn every_route_answers_the_same_whatever_is_wrong_and_whether_the_order_exists() {
    let shop = Shop::open().await;
    let bought = shop.wallet(4).await;
    let other = shop.wallet(4).await;
    let expired = narrow(&bought.capability, &["before = 2026-01-05T00:00:00Z"]).unwrap();
    let strange = narrow(&bought.capability, &["size = 1"]).unwrap();
    let many = narrow(&bought.capability, &["may = read"; 15]).unwrap();
    let body = Some(json!({}));

    for (method, rest, _) in routes(&bought) {
        let mut answers = Vec::new();
        let existing = bought.path(&rest);
        let missing = format!("/v1/orders/{}{rest}", Uuid::new_v4());
        for path in [&existing, &missing] {
            for capability in [
                None,
                Some(""),
                Some("AAAA"),
                Some(other.capability.as_str()),
                Some(expired.as_str()),
                Some(strange.as_str()),
                Some(many.as_str()),
            ] {
                let body = body.as_ref().filter(|_| method == Method::POST);
                answers.push(shop.send(method.clone(), path, capability, body).await);
            }
        }
        let capability = Some(bought.capability.as_str());
        answers.push(shop.send(method.clone(), &missing, capability, None).await);
        same(&answers);
    }
}

#[tokio::test]
async fn a_narrowed_capability_allows_what_it_says() {
    let shop = Shop::open().await;
    let bought = shop.wallet(4).await;
    for word in ["read", "pay", "sign"] {
        let caveats = [
            format!("may = {word}"),
            "before = 2027-01-01T00:00:00Z".to_owned(),
        ];
        let caveats: Vec<_> = caveats.iter().map(String::as_str).collect();
        let narrowed = narrow(&bought.capability, &caveats).unwrap();
        for (method, rest, needs) in routes(&bought) {
            let answer = shop
                .send(method, &bought.path(&rest), Some(&narrowed), None)
                .await;
            assert_eq!(answer.status != 401, word == needs, "{word} {rest}");
        }
    }
}

#[tokio::test]
async fn ids_are_read_in_one_form_and_the_header_is_one() {
    let shop = Shop::open().await;
    let bought = shop.wallet(4).await;
    let id = bought.order.id;
    for wrong in [
        id.to_string().to_uppercase(),
        id.simple().to_string(),
        "x".to_owned(),
    ] {
        let path = format!("/v1/orders/{wrong}");
        let answer = shop
            .send(Method::GET, &path, Some(&bought.capability), None)
            .await;
        assert_eq!(answer.refusal(), "invalid-path", "{wrong}");
    }
    let url = shop.house.url(&bought.path(""));
    let good = format!("Bearer {}", bought.capability);
    for values in [
        vec![good.clone(), good.clone()],
        vec![good.replace("Bearer", "Basic")],
    ] {
        let mut call = shop.house.http.get(&url);
        for value in values {
            call = call.header("authorization", value);
        }
        assert_eq!(crate::house::answer(call).await.status, 401);
    }
}

#[tokio::test]
async fn it_ends_with_the_time_that_orders_are_kept() {
    let mut wish = Wish::default();
    wish.settings
        .push(("retention.order_retention_days", "2".to_owned()));
    let mut shop = Shop::with(wish).await;
    let bought = shop.wallet(4).await;
    assert_eq!(shop.get(&bought, "").await.status, 200);

    shop.house.simulation.run_for(TimeDelta::days(3)).await;

    assert_eq!(shop.get(&bought, "").await.status, 401);
}

#[tokio::test]
async fn a_missing_check_is_seen() {
    let mut wish = Wish::default();
    wish.rules.capability = |capabilities, order, _, action, now| {
        let terms =
            payments::domain::terms::Terms::parse("2026-01-05 BAT 1 user-wallet-vote:4:0.25");
        let minted = capabilities.mint(order, &terms.unwrap()).unwrap();
        capabilities.check(order, Some(&minted), action, now)
    };
    let shop = Shop::with(wish).await;
    let bought = shop.wallet(4).await;

    assert_eq!(
        shop.send(Method::GET, &bought.path(""), None, None)
            .await
            .status,
        200
    );
}
