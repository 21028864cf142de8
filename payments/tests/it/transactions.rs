//! Paying orders, by all three ways.

mod cards;
mod custodians;

use chrono::TimeDelta;
use messages::{
    FundingSource,
    payments::{OrderStatus, Transaction},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    house::Wish,
    shop::{Shop, amount},
};

#[tokio::test]
async fn a_user_pays_at_either_custodian() {
    let shop = Shop::open().await;
    for custodian in ["uphold", "gemini"] {
        let bought = shop.wallet(40).await;
        let id = shop.transfer(custodian, &bought, |_| ()).await;

        let first: Transaction = shop.name(custodian, &bought, id).await.read(201);
        let again: Transaction = shop.name(custodian, &bought, id).await.read(200);

        assert_eq!(
            (first.kind.as_str(), first.status.as_str()),
            (custodian, "completed")
        );
        assert_eq!(
            (first.amount, first.currency.as_str()),
            (amount("10"), "BAT")
        );
        assert_eq!(
            (first.order_id, first.external_transaction_id),
            (bought.order.id, id.to_string())
        );
        assert_eq!(first.id, again.id);
        let order = shop.now(&bought).await;
        assert_eq!((order.status, order.expires_at), (OrderStatus::Paid, None));
        assert_ne!(order.transfer_reference, bought.order.transfer_reference);
        let listed: Vec<Transaction> = shop.get(&bought, "/transactions").await.read(200);
        assert_eq!(listed.len(), 1);
    }
}

#[tokio::test]
async fn a_pending_transfer_is_polled_until_it_arrives() {
    let mut shop = Shop::open().await;
    let bought = shop.wallet(40).await;
    let arrives = shop.house.clock.now() + TimeDelta::days(5);
    let id = shop
        .transfer("gemini", &bought, |body| {
            body["completesAt"] = json!(arrives);
        })
        .await;
    let named: Transaction = shop.name("gemini", &bought, id).await.read(201);
    assert_eq!(named.status, "pending");
    shop.house.simulation.run_for(TimeDelta::days(4)).await;
    assert_eq!(shop.status(&bought).await, OrderStatus::Pending);

    // It arrives a day later, and the pause of once a day is drawn from 18 to 30 hours.
    shop.house
        .simulation
        .run_for(TimeDelta::hours(24 + 31))
        .await;

    assert_eq!(shop.status(&bought).await, OrderStatus::Paid);
}

#[tokio::test]
async fn transfers_that_do_not_pay_this_order_are_refused() {
    let shop = Shop::open().await;
    let bought = shop.wallet(40).await;
    let other = shop.wallet(40).await;
    let theirs = other.order.transfer_reference;
    let uphold = |change: Value| {
        let (shop, bought) = (&shop, &bought);
        async move {
            let id = shop.transfer("uphold", bought, |body| {
                let members = change.as_object().unwrap().clone();
                body.as_object_mut().unwrap().extend(members);
            });
            shop.name("uphold", bought, id.await).await
        }
    };

    assert_eq!(
        uphold(json!({"message": theirs})).await.refusal(),
        "transfer-not-for-this-order"
    );
    assert_eq!(
        uphold(json!({"message": ""})).await.refusal(),
        "transfer-not-for-this-order"
    );
    assert_eq!(
        uphold(json!({"destination": "user"})).await.refusal(),
        "wrong-destination"
    );
    assert_eq!(
        uphold(json!({"currency": "USD"})).await.refusal(),
        "wrong-currency"
    );
    let gemini = &shop.config.custodians.gemini.settlement_address;
    assert_eq!(
        uphold(json!({"destination": gemini})).await.refusal(),
        "wrong-destination"
    );
    let unknown = shop.name("uphold", &bought, Uuid::new_v4()).await;
    assert_eq!(unknown.refusal(), "transfer-not-found");
    let unknown = shop
        .name("gemini", &bought, bought.order.transfer_reference)
        .await;
    assert_eq!(unknown.refusal(), "transfer-not-found");
    assert_eq!(shop.status(&bought).await, OrderStatus::Pending);
    let listed: Vec<Transaction> = shop.get(&bought, "/transactions").await.read(200);
    assert_eq!(listed.len(), 0, "nothing was recorded");
}

#[tokio::test]
async fn the_wrong_kind_of_money_is_refused() {
    let shop = Shop::open().await;
    let for_cards = shop.buy(FundingSource::AnonymousCard, 4).await;
    let for_users = shop.wallet(4).await;
    let card = shop.card().await;

    let id = shop.transfer("uphold", &for_cards, |_| ()).await;
    let refused = shop.name("uphold", &for_cards, id).await;
    assert_eq!(refused.refusal(), "wrong-funding-source");
    let signed = shop.signed(&card, &for_users, |_| ()).await;
    let refused = shop.name_card(&for_users, &signed).await;
    assert_eq!(refused.refusal(), "wrong-funding-source");
}

#[tokio::test]
async fn an_order_is_paid_in_parts_and_too_much_is_listed() {
    let shop = Shop::open().await;
    let bought = shop.wallet(40).await;
    for (units, status) in [
        ("4", OrderStatus::Pending),
        ("5", OrderStatus::Pending),
        ("3", OrderStatus::Paid),
    ] {
        let id = shop
            .transfer("uphold", &bought, |body| body["amount"] = units.into())
            .await;
        assert_eq!(shop.name("uphold", &bought, id).await.status, 201);
        assert_eq!(shop.status(&bought).await, status);
    }

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
    assert_eq!(
        (report.surplus.len(), report.surplus[0].amount),
        (1, amount("2"))
    );
    assert_eq!(
        (report.funds[0].received, report.funds[0].votes_sold),
        (amount("10"), 40)
    );
}

#[tokio::test]
async fn bad_bodies_are_refused() {
    let shop = Shop::open().await;
    let bought = shop.wallet(4).await;
    let id = Uuid::new_v4();
    for body in [
        json!({}),
        json!({"externalTransactionId": "x"}),
        json!({"externalTransactionId": null}),
        json!({"externalTransactionId": id, "amount": "1"}),
        json!([]),
    ] {
        let refused = shop.post(&bought, "/transactions/uphold", &body).await;
        assert_eq!(refused.refusal(), "invalid-body", "{body}");
    }
    let card = shop.card().await;
    let good = shop.signed(&card, &bought, |_| ()).await;
    for (member, value, slug) in [
        ("paymentId", json!("x"), "invalid-body"),
        ("transaction", json!(1), "invalid-body"),
        ("more", json!(1), "invalid-body"),
        ("transaction", json!(""), "invalid-transaction"),
        ("transaction", json!("e30="), "invalid-transaction"),
        (
            "transaction",
            json!("A".repeat(15_000)),
            "invalid-transaction",
        ),
        ("transaction", json!("A".repeat(20_000)), "body-too-large"),
    ] {
        let mut body = good.clone();
        body[member] = value;
        assert_eq!(
            shop.name_card(&bought, &body).await.refusal(),
            slug,
            "{member}"
        );
    }
}

async fn claims(wish: Wish) -> (usize, usize) {
    let shop = Shop::with(wish).await;
    let mut orders = Vec::new();
    for _ in 0..100 {
        orders.push(shop.wallet(40).await);
    }
    let id = shop.transfer("uphold", &orders[0], |_| ()).await;
    let claims = orders.iter().map(|bought| shop.name("uphold", bought, id));
    let claims = futures_util::future::join_all(claims).await;
    let won = claims.iter().filter(|answer| answer.status == 201).count();
    let used = claims.iter().filter(|answer| answer.status == 409);
    (
        won,
        used.inspect(|one| assert_eq!(one.refusal(), "transfer-already-used"))
            .count(),
    )
}

#[tokio::test]
async fn of_100_orders_that_claim_one_transfer_at_once_one_wins() {
    let mut wish = Wish::default();
    wish.settings
        .push(("transfers.require_transfer_reference", "false".to_owned()));
    assert_eq!(claims(wish.clone()).await, (1, 99));

    wish.rules.transfers.unique_within = Some;
    let (won, _) = claims(wish).await;
    assert_eq!(
        won, 100,
        "a transfer that is unique within its order only is seen"
    );
}
