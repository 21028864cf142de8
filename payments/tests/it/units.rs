//! A request costs as many units of the rate limit as it has items or tokens (contracts §1). Votes are in
//! `votes_refused`.

use serde_json::json;

use crate::{house::Wish, shop::Shop};

/// A shop where one address may use so many units at once, and hardly more later.
async fn with_burst(burst: u32) -> Shop {
    Shop::with(Wish {
        settings: vec![
            ("http.rate_limit.units_per_minute", "1".to_owned()),
            ("http.rate_limit.burst", burst.to_string()),
        ],
        ..Wish::default()
    })
    .await
}

#[tokio::test]
async fn an_order_costs_as_many_units_as_it_has_items() {
    let shop = with_burst(10).await;
    let sku = shop.sku(messages::FundingSource::UserWallet);
    let order = |items: usize| json!({"items": vec![json!({"sku": sku, "quantity": 4}); items]});

    assert_eq!(shop.place(&order(4)).await.status, 201);
    assert_eq!(shop.place(&order(4)).await.status, 201);
    let refused = shop.place(&order(4)).await;
    assert_eq!(refused.refusal(), "too-many-requests");
    assert!(refused.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn a_submission_costs_as_many_units_as_it_has_points() {
    let shop = with_burst(50).await;
    let bought = shop.wallet(40).await;
    shop.pay("uphold", &bought).await;
    let (_, points) = Shop::points(&bought);

    assert_eq!(shop.submit(&bought, &points).await.status, 200);
    let again = shop.submit(&bought, &points).await;
    assert_eq!(again.refusal(), "too-many-requests");
    // What is left is enough for one unit.
    assert_eq!(shop.get(&bought, "").await.status, 200);
}
