//! What a revoked key does to orders.

use chrono::TimeDelta;
use messages::{FundingSource, KeyId, payments::Order};
use uuid::Uuid;

use crate::{
    house::{WALLET, Wish},
    orders::with_key,
    shop::Shop,
};

/// A shop whose key of the wallets was revoked so long ago.
async fn revoke(shop: &mut Shop, ago: TimeDelta) {
    let issuer = shop.house.issuer.issuer(WALLET).await.unwrap();
    let key: KeyId = issuer.keys[0].key_id;
    shop.house.operate(&format!("/v4/keys/{key}/revoke")).await;
    shop.house.simulation.run_for(ago).await;
}

async fn shop() -> Shop {
    let polls = ("directory.directory_poll_minutes", "5".to_owned());
    Shop::with(Wish {
        settings: vec![polls],
        ..Wish::default()
    })
    .await
}

#[tokio::test]
async fn minutes_after_its_revocation_nothing_is_sold_under_a_key() {
    let mut shop = shop().await;
    let body = shop.order_body(FundingSource::UserWallet, 4);
    assert_eq!(shop.place(&body).await.status, 201);

    revoke(&mut shop, TimeDelta::minutes(5)).await;

    let refused = shop.place(&body).await;
    assert_eq!(refused.refusal(), "no-confirmed-key");
    assert_eq!(refused.headers["retry-after"], "120");
    let other = shop.order_body(FundingSource::AnonymousCard, 4);
    assert_eq!(shop.place(&other).await.status, 201);
}

#[tokio::test]
async fn a_repeat_gets_the_order_that_was_placed_before_its_key_was_revoked() {
    let mut shop = shop().await;
    let body = shop.order_body(FundingSource::UserWallet, 4);
    let key = Uuid::new_v4().to_string();
    let first: Order = with_key(&shop, &key, &body).await.read(201);

    revoke(&mut shop, TimeDelta::minutes(5)).await;

    let again: Order = with_key(&shop, &key, &body).await.read(201);
    assert_eq!((first.id, first.capability), (again.id, again.capability));
    let other = Uuid::new_v4().to_string();
    let refused = with_key(&shop, &other, &body).await;
    assert_eq!(refused.refusal(), "no-confirmed-key");
}
