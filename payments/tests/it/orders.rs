//! Placing and reading orders.

use chrono::{TimeDelta, Timelike as _};
use http::Method;
use messages::{FundingSource, payments::Order, payments::OrderStatus};
use serde_json::json;
use uuid::Uuid;

use crate::{
    house::{Wish, answer},
    shop::{Bought, Shop, amount},
};

#[tokio::test]
async fn an_order_has_the_members_that_existing_clients_read() {
    let shop = Shop::open().await;
    let placed = shop
        .place(&shop.order_body(FundingSource::UserWallet, 40))
        .await;

    let order: Order = placed.read(201);
    assert_eq!(
        placed.headers["location"],
        format!("/v1/orders/{}", order.id).as_str()
    );
    assert_eq!(order.status, OrderStatus::Pending);
    assert_eq!(
        (order.currency.as_str(), order.total_price),
        ("BAT", amount("10"))
    );
    assert_eq!(
        (order.merchant_id.as_str(), order.location.as_str()),
        ("brave.com", "brave.com")
    );
    let item = &order.items[0];
    assert_eq!((item.sku.as_str(), item.quantity), ("user-wallet-vote", 40));
    assert_eq!((item.price, item.subtotal), (amount("0.25"), amount("10")));
    assert_eq!(item.credential_type, "single-use");
    for time in [
        order.created_at,
        order.updated_at,
        item.created_at,
        item.updated_at,
    ] {
        assert_eq!((time.minute(), time.second(), time.nanosecond()), (0, 0, 0));
    }
    assert_eq!(
        order.expires_at,
        Some(order.created_at + TimeDelta::hours(24))
    );

    let capability = order.capability.clone().unwrap();
    let bought = Bought { order, capability };
    let read = shop.get(&bought, "").await;
    assert!(!String::from_utf8_lossy(&read.body).contains("capability"));
    let mut read: Order = read.read(200);
    assert_eq!(
        shop.get(&bought, "/").await.status,
        200,
        "a trailing slash is accepted"
    );
    read.capability = Some(bought.capability.clone());
    assert_eq!(
        serde_json::to_value(read).unwrap(),
        serde_json::to_value(&bought.order).unwrap()
    );
}

#[tokio::test]
async fn what_is_not_sold_is_refused() {
    let shop = Shop::open().await;
    let (wallet, card) = (FundingSource::UserWallet, FundingSource::AnonymousCard);
    let sku = shop.sku(wallet);
    let items = |items: serde_json::Value| json!({"items": items});
    let one = |quantity: serde_json::Value| items(json!([{"sku": sku, "quantity": quantity}]));
    let mut flipped = sku.clone().into_bytes();
    flipped[200] ^= 1;
    let flipped = String::from_utf8(flipped).unwrap();
    let staging = "AgEJYnJhdmUuY29tAiNicmF2ZSB1c2VyLXdhbGxldC12b3RlIHNrdSB0b2tlbiB2MQACFHNrdT11c2VyLXdhbGxldC12b3RlAAIKcHJpY2U9MC4yNQACDGN1cnJlbmN5PUJBVAACDGRlc2NyaXB0aW9uPQACGmNyZWRlbnRpYWxfdHlwZT1zaW5nbGUtdXNlAAAGIOH4Li+rduCtFOfV8Lfa2o8h4SQjN5CuIwxmeQFjOk4W";

    for (body, slug) in [
        (items(json!([])), "invalid-body"),
        (json!({}), "invalid-body"),
        (json!([]), "invalid-body"),
        (one(json!(0)), "invalid-quantity"),
        (one(json!(-40)), "invalid-quantity"),
        (one(json!(41)), "invalid-quantity"),
        (one(json!(4.5)), "invalid-body"),
        (one(json!("4")), "invalid-body"),
        (one(json!(1_u64 << 63)), "invalid-body"),
        (one(json!(i64::MAX)), "invalid-quantity"),
        (items(json!([{"sku": "", "quantity": 4}])), "invalid-sku"),
        (
            items(json!([{"sku": flipped, "quantity": 4}])),
            "invalid-sku",
        ),
        (
            items(json!([{"sku": staging, "quantity": 4}])),
            "invalid-sku",
        ),
        (
            items(json!([{"sku": format!("{sku}="), "quantity": 4}])),
            "invalid-sku",
        ),
        (
            items(json!([{"sku": sku, "quantity": 4}, {"sku": sku, "quantity": -4}])),
            "invalid-quantity",
        ),
        (
            items(json!(vec![json!({"sku": sku, "quantity": 4}); 5])),
            "invalid-body",
        ),
        (
            items(json!([{"sku": sku, "quantity": 4}, {"sku": shop.sku(card), "quantity": 4}])),
            "mixed-items",
        ),
        (items(json!([[sku, 4]])), "invalid-body"),
        (json!([[{"sku": sku, "quantity": 4}]]), "invalid-body"),
    ] {
        let refused = shop.place(&body).await;
        assert_eq!(refused.refusal(), slug, "{body:.200}");
    }
    let second = items(json!([{"sku": sku, "quantity": 4}, {"sku": sku, "quantity": 5}]));
    assert_eq!(shop.place(&second).await.pointer(), "/items/1/quantity");
    let long = items(json!([{"sku": "A".repeat(20_000), "quantity": 4}]));
    assert_eq!(shop.place(&long).await.refusal(), "body-too-large");
}

#[tokio::test]
async fn unknown_members_are_ignored_here_and_other_types_are_not() {
    let shop = Shop::open().await;
    let mut body = shop.order_body(FundingSource::UserWallet, 4);
    body["email"] = "somebody@example.com".into();
    assert_eq!(shop.place(&body).await.status, 201);

    let text = shop
        .house
        .post_bytes("/v1/orders", "text/plain", body.to_string().into())
        .await;
    assert_eq!(text.refusal(), "unsupported-media-type");
    let broken = shop
        .house
        .post_bytes("/v1/orders", "application/json", b"{".to_vec())
        .await;
    assert_eq!(broken.refusal(), "invalid-body");
    let deep = format!("{{\"items\":{}{}}}", "[".repeat(20), "]".repeat(20));
    let deep = shop
        .house
        .post_bytes("/v1/orders", "application/json", deep.into())
        .await;
    assert_eq!(deep.refusal(), "invalid-body");
    let method = shop.send(Method::DELETE, "/v1/orders", None, None).await;
    assert_eq!(method.refusal(), "method-not-allowed");
}

#[tokio::test]
async fn a_planted_quantity_rule_is_seen() {
    let mut wish = Wish::default();
    wish.rules.quantity = |quantity, _| u32::try_from(quantity).ok();
    let shop = Shop::with(wish).await;

    let placed = shop
        .place(&shop.order_body(FundingSource::UserWallet, 397))
        .await;

    assert_eq!(placed.status, 201, "397 is no common size");
}

pub(crate) async fn with_key(
    shop: &Shop,
    key: &str,
    body: &serde_json::Value,
) -> crate::house::Answer {
    let call = shop.house.http.post(shop.house.url("/v1/orders"));
    let call = call
        .header("content-type", "application/json")
        .header("idempotency-key", key);
    answer(call.body(body.to_string())).await
}

#[tokio::test]
async fn an_idempotency_key_gives_the_same_order_for_the_same_body_only() {
    let mut shop = Shop::open().await;
    let body = shop.order_body(FundingSource::UserWallet, 4);
    let other = shop.order_body(FundingSource::UserWallet, 8);
    let key = Uuid::new_v4().to_string();

    let first: Order = with_key(&shop, &key, &body).await.read(201);
    let again: Order = with_key(&shop, &key, &body).await.read(201);
    let stolen: Order = with_key(&shop, &key, &other).await.read(201);
    let alone: Order = shop.place(&body).await.read(201);

    assert_eq!((first.id, &first.capability), (again.id, &again.capability));
    assert_ne!(
        first.id, stolen.id,
        "whoever guesses the key does not get the order"
    );
    assert_ne!(first.capability, stolen.capability);
    assert_ne!(first.id, alone.id);
    for wrong in [
        "",
        "1",
        "00000000-0000-0000-0000-000000000000",
        &key.to_uppercase(),
    ] {
        let refused = with_key(&shop, wrong, &body).await;
        assert_eq!(refused.refusal(), "invalid-header", "{wrong}");
    }
    shop.house.simulation.run_for(TimeDelta::hours(27)).await;
    let later: Order = with_key(&shop, &key, &body).await.read(201);
    assert_ne!(first.id, later.id);
}

#[tokio::test]
async fn a_key_that_is_not_bound_to_the_body_is_seen() {
    let mut wish = Wish::default();
    wish.rules.idempotency = |key, _| {
        let mut hash = [0; 32];
        hash[..16].copy_from_slice(key.as_bytes());
        hash
    };
    let shop = Shop::with(wish).await;
    let key = Uuid::new_v4().to_string();
    let body = shop.order_body(FundingSource::UserWallet, 4);
    let first: Order = with_key(&shop, &key, &body).await.read(201);

    let body = shop.order_body(FundingSource::UserWallet, 8);
    let stolen: Order = with_key(&shop, &key, &body).await.read(201);

    assert_eq!(first.capability, stolen.capability);
}

#[tokio::test]
async fn every_other_route_refuses_an_idempotency_key() {
    let shop = Shop::open().await;
    let bought = shop.wallet(4).await;
    for (method, path) in [
        (Method::GET, bought.path("")),
        (Method::GET, bought.path("/transactions")),
        (Method::POST, bought.path("/transactions/uphold")),
        (Method::POST, bought.path("/transactions/gemini")),
        (Method::POST, bought.path("/transactions/anonymousCard")),
        (Method::POST, bought.path("/credentials")),
        (Method::GET, bought.path("/credentials")),
        (
            Method::GET,
            bought.path(&format!("/credentials/{}", bought.order.items[0].id)),
        ),
        (Method::POST, "/v1/votes".to_owned()),
        (Method::GET, "/v1/key-directory".to_owned()),
        (Method::GET, "/v1/anonymity-sets".to_owned()),
        (Method::GET, "/health-check".to_owned()),
    ] {
        let call = shop.house.http.request(method, shop.house.url(&path));
        let call = call
            .header("authorization", format!("Bearer {}", bought.capability))
            .header("idempotency-key", Uuid::new_v4().to_string());
        assert_eq!(answer(call).await.refusal(), "invalid-header", "{path}");
    }
}

#[tokio::test]
async fn nothing_is_sold_without_a_key_that_clients_can_confirm() {
    let mut wish = Wish::default();
    wish.settings
        .push(("directory.key_notice_hours", "24".to_owned()));
    let shop = Shop::with(wish).await;

    let refused = shop
        .place(&shop.order_body(FundingSource::UserWallet, 4))
        .await;

    assert_eq!(refused.refusal(), "no-confirmed-key");
    assert_eq!(refused.headers["retry-after"], "120");
}

#[tokio::test]
async fn an_unpaid_order_is_forgotten_and_made_again_by_a_late_transfer() {
    let mut shop = Shop::open().await;
    let bought = shop.wallet(40).await;
    shop.house.simulation.run_for(TimeDelta::hours(50)).await;
    let stored = |shop: &Shop| {
        let file = shop.house.layout.file("payments-orders.db");
        async move {
            let url = format!("sqlite:{}", file.display());
            let store = payments::store::orders::SqliteOrders::open(&url)
                .await
                .unwrap();
            let report = payments::store::orders::Store::report(&store)
                .await
                .unwrap();
            store.db().close().await;
            report.orders
        }
    };
    assert_eq!(stored(&shop).await, []);

    // To whoever holds its capability it looks like any unpaid order.
    let seen = shop.now(&bought).await;
    assert_eq!(
        (seen.status, seen.id),
        (OrderStatus::Pending, bought.order.id)
    );
    assert_eq!(seen.items[0].id, bought.order.items[0].id);
    assert_eq!(seen.transfer_reference, bought.order.transfer_reference);
    let (_, points) = Shop::points(&bought);
    assert_eq!(
        shop.submit(&bought, &points).await.refusal(),
        "order-not-paid"
    );
    assert_eq!(stored(&shop).await, [], "looking makes no order");

    assert_eq!(shop.pay("uphold", &bought).await.status, "completed");
    assert_eq!(shop.status(&bought).await, OrderStatus::Paid);
    assert_eq!(shop.submit(&bought, &points).await.status, 200);
    assert_eq!(shop.status(&bought).await, OrderStatus::Fulfilled);
}

#[tokio::test]
async fn a_half_paid_order_is_canceled_after_30_days_and_its_money_is_listed() {
    let mut shop = Shop::open().await;
    let bought = shop.wallet(40).await;
    let id = shop
        .transfer("uphold", &bought, |body| body["amount"] = "4".into())
        .await;
    assert_eq!(shop.name("uphold", &bought, id).await.status, 201);
    assert_eq!(shop.status(&bought).await, OrderStatus::Pending);

    shop.house.simulation.run_for(TimeDelta::days(31)).await;

    assert_eq!(shop.status(&bought).await, OrderStatus::Canceled);
    assert_eq!(shop.now(&bought).await.expires_at, None);
    let late = shop
        .transfer("uphold", &bought, |body| body["amount"] = "6".into())
        .await;
    assert_eq!(shop.name("uphold", &bought, late).await.status, 201);
    assert_eq!(shop.status(&bought).await, OrderStatus::Canceled);
    let (_, points) = Shop::points(&bought);
    assert_eq!(
        shop.submit(&bought, &points).await.refusal(),
        "order-canceled"
    );
    let url = format!(
        "sqlite:{}",
        shop.house.layout.file("payments-orders.db").display()
    );
    let store = payments::store::orders::SqliteOrders::open(&url)
        .await
        .unwrap();
    let report = payments::store::orders::Store::report(&store)
        .await
        .unwrap();
    let mut surplus: Vec<_> = report
        .surplus
        .iter()
        .map(|s| (s.reason.as_str(), s.amount))
        .collect();
    surplus.sort();
    assert_eq!(surplus, [("canceled", amount("4")), ("late", amount("6"))]);
    assert!(report.funds.is_empty(), "nothing was received for votes");
}
