//! Custodians that fail, are slow, or lie (attack surface A2).

use http::Method;
use messages::{
    FundingSource,
    payments::{OrderStatus, Transaction},
};
use serde_json::json;

use crate::{house::Wish, shop::Shop};

#[tokio::test]
async fn a_custodian_that_is_down_or_lies_gets_nothing_recorded() {
    let mut wish = Wish::default();
    wish.settings
        .push(("transfers.breaker_failures", "100".to_owned()));
    wish.settings
        .push(("transfers.timeout_seconds", "1".to_owned()));
    let mut shop = Shop::with(wish).await;
    let bought = shop.wallet(40).await;
    let id = shop.transfer("uphold", &bought, |_| ()).await;
    for (lie, slug) in [
        ("garbage", "custodian-answer-invalid"),
        ("wrong-id", "custodian-answer-invalid"),
        ("other-currency", "wrong-currency"),
        ("other-destination", "wrong-destination"),
        ("server-error", "custodian-unavailable"),
        ("slow", "custodian-unavailable"),
    ] {
        let path = format!("/sandbox/transfers/uphold/{id}/lie");
        let told = shop
            .at_custodian(Method::PUT, &path, &json!({"lie": lie}))
            .await;
        assert_eq!(told.status, 204);
        let refused = shop.name("uphold", &bought, id).await;
        assert_eq!(refused.refusal(), slug, "{lie}");
        let told = shop
            .at_custodian(Method::PUT, &path, &json!({"lie": null}))
            .await;
        assert_eq!(told.status, 204);
    }
    shop.stop_custodian().await;
    let refused = shop.name("uphold", &bought, id).await;
    assert_eq!(refused.refusal(), "custodian-unavailable");
    assert_eq!(refused.headers["retry-after"], "5");
    let listed: Vec<Transaction> = shop.get(&bought, "/transactions").await.read(200);
    assert_eq!(listed.len(), 0);

    shop.start_custodian().await;
    assert_eq!(shop.name("uphold", &bought, id).await.status, 201);
}

#[tokio::test]
async fn one_custodian_call_in_ten_may_fail() {
    let shop = Shop::open().await;
    let faults = json!({"seed": 7, "failuresPerMille": 100});
    assert_eq!(
        shop.at_custodian(Method::PUT, "/sandbox/faults", &faults)
            .await
            .status,
        204
    );
    for _ in 0..20 {
        let card = shop.card().await;
        let bought = shop.buy(FundingSource::AnonymousCard, 4).await;
        let signed = shop.signed(&card, &bought, |_| ()).await;
        let named = shop.name_card(&bought, &signed).await;
        assert!(
            named.status == 201 || named.status == 503,
            "{}",
            named.status
        );
        while shop.status(&bought).await != OrderStatus::Paid {
            assert!(matches!(
                shop.name_card(&bought, &signed).await.status,
                200 | 201 | 503
            ));
        }
    }
}
