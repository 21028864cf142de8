//! Orders that were paid and never claimed.

use chrono::TimeDelta;
use messages::{
    FundingSource,
    payments::{Order, OrderCredentials, OrderStatus},
};
use serde_json::json;

use crate::{
    house::Wish,
    shop::{Bought, Shop, amount},
};

/// A shop that writes off after five days.
async fn impatient() -> Shop {
    let mut wish = Wish::default();
    wish.settings
        .push(("retention.unclaimed_order_days", "5".to_owned()));
    Shop::with(wish).await
}

async fn surplus(shop: &Shop) -> Vec<(String, messages::money::Amount)> {
    let file = shop.house.layout.file("payments-orders.db");
    let url = format!("sqlite:{}", file.display());
    let store = payments::store::orders::SqliteOrders::open(&url)
        .await
        .unwrap();
    let report = payments::store::orders::Store::report(&store).await;
    let rows = report.unwrap().surplus.into_iter();
    store.db().close().await;
    rows.map(|row| (row.reason, row.amount)).collect()
}

#[tokio::test]
async fn an_order_that_nobody_claims_is_written_off_and_closed() {
    let mut shop = impatient().await;
    let bought = shop.wallet(40).await;
    shop.pay("uphold", &bought).await;
    shop.house.simulation.run_for(TimeDelta::days(5)).await;
    assert_eq!(shop.status(&bought).await, OrderStatus::Paid);

    shop.house.simulation.run_for(TimeDelta::days(2)).await;

    assert_eq!(shop.status(&bought).await, OrderStatus::Canceled);
    assert_eq!(
        surplus(&shop).await,
        [("unclaimed".to_owned(), amount("10"))]
    );
    let (_, points) = Shop::points(&bought);
    let refused = shop.submit(&bought, &points).await;
    assert_eq!(refused.refusal(), "credentials-already-submitted");
    let item = bought.order.items[0].id;
    for path in ["/credentials".to_owned(), format!("/credentials/{item}")] {
        let gone = shop.get(&bought, &path).await;
        assert_eq!(gone.refusal(), "credentials-erased");
    }
}

#[tokio::test]
async fn an_order_that_is_claimed_in_part_is_fulfilled_and_the_rest_written_off() {
    let mut shop = impatient().await;
    let item = json!({"sku": shop.sku(FundingSource::UserWallet), "quantity": 4});
    let order: Order = shop.place(&json!({"items": [item, item]})).await.read(201);
    let capability = order.capability.clone().unwrap();
    let bought = Bought { order, capability };
    shop.pay("uphold", &bought).await;
    let (_, points) = Shop::points(&bought);
    let signed: OrderCredentials = shop.submit(&bought, &points).await.read(200);
    assert_eq!(shop.status(&bought).await, OrderStatus::Paid);

    shop.house.simulation.run_for(TimeDelta::days(7)).await;

    assert_eq!(shop.status(&bought).await, OrderStatus::Fulfilled);
    assert_eq!(
        surplus(&shop).await,
        [("unclaimed".to_owned(), amount("1"))]
    );
    let listed: Vec<OrderCredentials> = shop.get(&bought, "/credentials").await.read(200);
    assert_eq!(listed, [signed], "what was claimed stays");
    let mut second = points.clone();
    second["itemId"] = json!(bought.order.items[1].id);
    let refused = shop.submit(&bought, &second).await;
    assert_eq!(refused.refusal(), "credentials-already-submitted");
}
