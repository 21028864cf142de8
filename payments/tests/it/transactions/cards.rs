//! Signed transfers of cards.

use chrono::TimeDelta;
use http::Method;
use messages::{
    FundingSource,
    payments::{OrderStatus, Transaction},
};
use serde_json::{Value, json};

use crate::shop::{Shop, amount};

#[tokio::test]
async fn a_card_pays_and_its_signed_transfer_pays_one_order_only() {
    let shop = Shop::open().await;
    let card = shop.card().await;
    let bought = shop.buy(FundingSource::AnonymousCard, 40).await;
    let other = shop.buy(FundingSource::AnonymousCard, 40).await;
    let signed = shop.signed(&card, &bought, |_| ()).await;

    let first: Transaction = shop.name_card(&bought, &signed).await.read(201);
    let again: Transaction = shop.name_card(&bought, &signed).await.read(200);
    let stolen = shop.name_card(&other, &signed).await;

    assert_eq!(
        (first.kind.as_str(), first.status.as_str()),
        ("anonymous-card", "completed")
    );
    assert_eq!(first.id, again.id);
    assert_eq!(stolen.refusal(), "transfer-already-used");
    assert_eq!(shop.status(&bought).await, OrderStatus::Paid);
    assert_eq!(shop.status(&other).await, OrderStatus::Pending);
}

#[tokio::test]
async fn a_slow_card_transfer_is_finished_without_its_client() {
    let mut shop = Shop::open().await;
    let card = shop.slow_card(7200).await;
    let bought = shop.buy(FundingSource::AnonymousCard, 40).await;
    let signed = shop.signed(&card, &bought, |_| ()).await;
    let named: Transaction = shop.name_card(&bought, &signed).await.read(201);
    assert_eq!(named.status, "processing");
    assert_eq!(shop.status(&bought).await, OrderStatus::Pending);

    // Who asks just before the two hours are over asks again after up to 2 h 40 min.
    shop.house.simulation.run_for(TimeDelta::hours(5)).await;

    assert_eq!(shop.status(&bought).await, OrderStatus::Paid);
}

#[tokio::test]
async fn card_transfers_that_do_not_fit_move_no_money() {
    let shop = Shop::open().await;
    let (card, stranger) = (shop.card().await, shop.card().await);
    let bought = shop.buy(FundingSource::AnonymousCard, 40).await;
    let other = shop.buy(FundingSource::AnonymousCard, 40).await;
    let theirs = other.order.transfer_reference.to_string();

    let signed = shop
        .signed(&card, &bought, |one| one.message = theirs)
        .await;
    let refused = shop.name_card(&bought, &signed).await;
    assert_eq!(refused.refusal(), "transfer-not-for-this-order");
    let signed = shop
        .signed(&card, &bought, |one| one.destination = "user".to_owned())
        .await;
    assert_eq!(
        shop.name_card(&bought, &signed).await.refusal(),
        "wrong-destination"
    );
    let usd = |one: &mut messages::payments::CardTransfer| {
        one.denomination.currency = "USD".to_owned();
    };
    let signed = shop.signed(&card, &bought, usd).await;
    assert_eq!(
        shop.name_card(&bought, &signed).await.refusal(),
        "wrong-currency"
    );
    for units in ["0", "9", "11", "1000000"] {
        let less = |one: &mut messages::payments::CardTransfer| {
            one.denomination.amount = amount(units);
        };
        let signed = shop.signed(&card, &bought, less).await;
        assert_eq!(
            shop.name_card(&bought, &signed).await.refusal(),
            "wrong-amount",
            "{units}"
        );
    }
    // Signed by another card's key: its custodian refuses, and nothing of the order is used up.
    let mut forged = shop.signed(&stranger, &bought, |_| ()).await;
    forged["paymentId"] = json!(card.id);
    assert_eq!(
        shop.name_card(&bought, &forged).await.refusal(),
        "invalid-transaction"
    );
    assert_eq!(
        shop.now(&bought).await.transfer_reference,
        bought.order.transfer_reference
    );
    let before = shop
        .at_custodian(Method::GET, "/sandbox/balances", &json!(null))
        .await;
    let before: Value = before.read(200);
    assert_eq!(before["balances"][card.id.to_string()]["BAT"], "1000");

    let signed = shop.signed(&card, &bought, |_| ()).await;
    assert_eq!(shop.name_card(&bought, &signed).await.status, 201);
}

#[tokio::test]
async fn of_many_card_transfers_for_one_order_at_once_one_moves_money() {
    let shop = Shop::open().await;
    let bought = shop.buy(FundingSource::AnonymousCard, 40).await;
    let mut signed = Vec::new();
    for _ in 0..10 {
        let card = shop.card().await;
        signed.push(shop.signed(&card, &bought, |_| ()).await);
    }

    let named = signed.iter().map(|signed| shop.name_card(&bought, signed));
    let named = futures_util::future::join_all(named).await;

    assert_eq!(
        named.iter().filter(|answer| answer.status == 201).count(),
        1
    );
    let address = &shop.config.custodians.anonymous_card.settlement_address;
    let balances = shop
        .at_custodian(Method::GET, "/sandbox/balances", &json!(null))
        .await;
    assert_eq!(
        balances.read::<Value>(200)["balances"][address]["BAT"],
        "10"
    );
}
