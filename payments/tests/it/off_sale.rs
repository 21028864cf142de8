//! SKUs that are sold no more.

use chrono::TimeDelta;
use messages::{FundingSource, payments::OrderStatus};
use payments::{Config, Deps, Rules};

use crate::shop::Shop;

/// The shop's settings with its users' SKU off sale.
fn off_sale(shop: &Shop) -> Config {
    let mut config = shop.config.clone();
    for sku in &mut config.skus {
        sku.on_sale = sku.funding_source != FundingSource::UserWallet;
    }
    // Beside the one that runs.
    config.http.listen = "127.0.0.1:0".parse().unwrap();
    config.http.admin_listen = "127.0.0.1:0".parse().unwrap();
    config
}

fn deps(shop: &Shop) -> Deps {
    Deps {
        clock: shop.house.clock.clone(),
        rules: Rules::default(),
    }
}

#[tokio::test]
async fn a_sku_off_sale_is_not_ordered_and_what_was_ordered_goes_on() {
    let mut shop = Shop::open().await;
    let (paid, unpaid) = (shop.wallet(4).await, shop.wallet(4).await);
    shop.pay("uphold", &paid).await;
    let service = payments::build(off_sale(&shop), deps(&shop)).await.unwrap();
    let running = service.start().await.unwrap();
    let before = shop.house.payments.replace(running);
    before.unwrap().stop().await.unwrap();
    shop.house.simulation.run_for(TimeDelta::minutes(2)).await;

    let body = shop.order_body(FundingSource::UserWallet, 4);
    assert_eq!(shop.place(&body).await.refusal(), "invalid-sku");
    let body = shop.order_body(FundingSource::AnonymousCard, 4);
    assert_eq!(shop.place(&body).await.status, 201);

    shop.house.simulation.run_for(TimeDelta::hours(50)).await;
    shop.pay("gemini", &unpaid).await;
    for bought in [paid, unpaid] {
        let (_, points) = Shop::points(&bought);
        assert_eq!(shop.submit(&bought, &points).await.status, 200);
        assert_eq!(shop.status(&bought).await, OrderStatus::Fulfilled);
    }
}

#[tokio::test]
async fn payments_does_not_start_without_a_sku_that_was_ever_ordered() {
    let shop = Shop::open().await;
    let without_wallet = || {
        let mut config = shop.config.clone();
        config
            .skus
            .retain(|sku| sku.funding_source != FundingSource::UserWallet);
        payments::build(config, deps(&shop))
    };
    drop(without_wallet().await.unwrap());

    shop.wallet(4).await;

    let error = without_wallet().await.unwrap_err().to_string();
    assert!(
        error.contains("user-wallet-vote") && error.contains("put it back with on_sale = false"),
        "{error}"
    );
    drop(payments::build(off_sale(&shop), deps(&shop)).await.unwrap());
}
