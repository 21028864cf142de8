//! `payments funds restate`, which ends the halt of an orders' database that lost orders whose tokens were signed.

use std::fs;

use chrono::TimeDelta;
use messages::{
    FundingSource,
    avro::{Funds, Record as _},
};
use payments::commands::restate;

use crate::{
    commands::{printed, run},
    generations::cast,
    publication::topic,
    shop::{Shop, amount},
};

/// A shop that sold four votes since the backup of its orders which it runs on.
async fn set_back() -> Shop {
    let mut shop = Shop::open().await;
    let layout = &shop.house.layout;
    let (file, backup) = (layout.file("payments-orders.db"), layout.file("backup"));
    shop.house.stop_payments().await;
    fs::copy(&file, &backup).unwrap();
    shop.house.start_payments().await;
    cast(&shop, "example.com").await;
    shop.house.stop_payments().await;
    fs::copy(&backup, &file).unwrap();
    printed(run(&shop, &["outbox", "new-generation", "funds"]));
    shop.house.start_payments().await;
    shop
}

async fn readyz_tomorrow(shop: &mut Shop) -> u16 {
    shop.house.simulation.run_for(TimeDelta::days(1)).await;
    shop.house.admin("/readyz").await.status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_orders_that_were_paid_are_stated_and_payments_goes_on() {
    let mut shop = set_back().await;
    assert_eq!(readyz_tomorrow(&mut shop).await, 503);
    shop.house.stop_payments().await;
    let (config, clock) = (shop.config.clone(), shop.house.clock.clone());
    let state = async |value: &str, votes: u64| {
        let kind = (FundingSource::UserWallet, amount(value));
        let stated = restate(&config, clock.clone(), kind, votes).await;
        stated.map_err(|error| error.to_string())
    };

    let fewer = state("0.25", 3).await.unwrap_err();
    assert!(fewer.contains("4 tokens of user-wallet at 0.25 were signed"));
    let unknown = state("0.5", 4).await.unwrap_err();
    assert!(unknown.contains("no SKU is configured"), "{unknown}");
    state("0.25", 4).await.unwrap();

    shop.house.start_payments().await;
    assert_eq!(readyz_tomorrow(&mut shop).await, 200);
    let records = topic(&shop.house, "funds").await;
    let records = records
        .iter()
        .map(|record| Funds::decode(&record.value).unwrap());
    let stated: Vec<_> = records.filter(|record| record.restatement).collect();
    assert_eq!(stated.len(), 1);
    assert_eq!(
        (stated[0].votes_sold_total, stated[0].received_total),
        (4, amount("1"))
    );
    assert_eq!(stated[0].keys[0].signed_total, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn help_says_what_to_know_before_totals_are_stated() {
    let shop = Shop::open().await;

    let help = printed(run(&shop, &["funds", "restate", "--help"]));

    for word in [
        "custodians' statements",
        "Stop payments first",
        "tally funds list",
    ] {
        assert!(help.contains(word), "{word}: {help}");
    }
}
