//! `payments outbox new-generation`, which ends the halt of an outbox that was set back, and the report's figures of
//! what was redeemed and never counted.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::atomic::{AtomicBool, Ordering},
};

use chrono::TimeDelta;
use messages::{
    avro::{DirectoryHead, Record as _, Vote},
    payments::OrderCredentials,
};
use serde_json::Value;
use service_kit::fault::{Crashed, FaultPoints};
use sqlx::{Connection as _, Row as _};

use crate::{
    commands::{printed, run},
    house::{House, WALLET, Wish, vote},
    publication::topic,
    shop::Shop,
};

const VOTES: &str = "payments-votes.db";
const ORDERS: &str = "payments-orders.db";

/// The generations of both outboxes.
async fn generations(house: &House) -> [Vec<u8>; 2] {
    let mut found = Vec::new();
    for file in [VOTES, ORDERS] {
        let url = format!("sqlite:{}", house.layout.file(file).display());
        let mut database = sqlx::SqliteConnection::connect(&url).await.unwrap();
        let row = sqlx::query("SELECT generation FROM outbox_state")
            .fetch_one(&mut database)
            .await
            .unwrap();
        found.push(row.get(0));
        database.close().await.unwrap();
    }
    found.try_into().unwrap()
}

/// Restores a database from a backup that is a day old. payments is down then.
async fn set_back_a_day(house: &mut House, file: &str) {
    let (file, backup) = (house.layout.file(file), house.layout.file("backup"));
    house.stop_payments().await;
    fs::copy(&file, &backup).unwrap();
    house.start_payments().await;
    house.simulation.run_for(TimeDelta::days(1)).await;
    house.stop_payments().await;
    fs::copy(&backup, &file).unwrap();
}

async fn live_a_day(house: &mut House) -> u16 {
    house.start_payments().await;
    house.simulation.run_for(TimeDelta::days(1)).await;
    house.admin("/readyz").await.status
}

/// Buys four tokens and casts a vote: with more signed than sold, payments would not be ready.
pub(crate) async fn cast(shop: &Shop, channel: &str) {
    let bought = shop.wallet(4).await;
    shop.pay("uphold", &bought).await;
    let (blinding, points) = Shop::points(&bought);
    let signed: OrderCredentials = shop.submit(&bought, &points).await.read(200);
    let (tokens, proof) = (&signed.signed_creds, &signed.batch_proof);
    let tokens = blinding.unblind(tokens, proof, &signed.public_key).unwrap();
    let vote = vote(channel, &tokens);
    assert_eq!(shop.house.post("/v1/votes", &vote).await.status, 200);
}

/// How often each vote came out.
async fn votes_published(house: &House) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for record in topic(house, "vote").await {
        let vote = Vote::decode(&record.value).unwrap();
        ids.insert(vote.id);
        *times.entry(vote.channel).or_default() += 1;
    }
    assert_eq!(ids.len(), times.len(), "a vote that comes twice has one id");
    times
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outbox_of_votes_that_was_set_back_goes_on_in_a_new_generation() {
    let mut shop = Shop::open().await;
    cast(&shop, "example.com").await;
    set_back_a_day(&mut shop.house, VOTES).await;
    assert_eq!(live_a_day(&mut shop.house).await, 503);
    assert_eq!(votes_published(&shop.house).await["example.com"], 1);
    shop.house.stop_payments().await;
    let [votes, orders] = generations(&shop.house).await;

    let told = printed(run(&shop, &["outbox", "new-generation", "votes"]));

    assert!(told.starts_with("The log has 1 records"), "{told}");
    let [votes_now, orders_now] = generations(&shop.house).await;
    assert!(votes_now != votes && orders_now == orders);
    assert_eq!(live_a_day(&mut shop.house).await, 200);
    cast(&shop, "example.org").await;
    shop.house.simulation.run_for(TimeDelta::days(1)).await;
    let published = votes_published(&shop.house).await;
    assert_eq!(published["example.org"], 1);
    // It waited in the backup and had been published since: readers know it by its id.
    assert_eq!(published["example.com"], 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outbox_of_figures_that_was_set_back_goes_on_in_a_new_generation() {
    let mut shop = Shop::open().await;
    shop.house.simulation.run_for(TimeDelta::days(2)).await;
    set_back_a_day(&mut shop.house, ORDERS).await;
    assert_eq!(live_a_day(&mut shop.house).await, 503);
    let heads = topic(&shop.house, "directory").await.len();
    let figures = heads + topic(&shop.house, "funds").await.len();
    shop.house.stop_payments().await;
    let [votes, orders] = generations(&shop.house).await;

    let told = printed(run(&shop, &["outbox", "new-generation", "funds"]));

    let expected = format!("The log has {figures} records");
    assert!(told.starts_with(&expected), "{told} {expected}");
    let [votes_now, orders_now] = generations(&shop.house).await;
    assert!(votes_now == votes && orders_now != orders);
    assert_eq!(live_a_day(&mut shop.house).await, 200);
    let heads: BTreeSet<_> = topic(&shop.house, "directory")
        .await
        .iter()
        .map(|record| DirectoryHead::decode(&record.value).unwrap())
        .map(|head| (head.day, head.size, head.hash))
        .collect();
    let days: BTreeSet<_> = heads.iter().map(|(day, ..)| day).collect();
    assert_eq!(days.len(), heads.len(), "a day has one head: {heads:?}");
    let last = days.iter().next_back().unwrap().as_str();
    let today = shop.house.clock.now().date_naive().to_string();
    assert_eq!(last, today);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_report_shows_what_was_redeemed_and_never_counted() {
    let crashes = AtomicBool::new(true);
    let mut wish = Wish::default();
    wish.rules.fault = FaultPoints::planned(move |name| match name {
        "vote-redeemed" if crashes.swap(false, Ordering::SeqCst) => Err(Crashed(name)),
        _ => Ok(()),
    });
    let shop = Shop::with(wish).await;
    let tokens = shop.house.tokens(WALLET, 12).await;
    let (lost, counted) = tokens.split_at(4);
    let lost = vote("example.com", lost);
    let first = shop.house.post("/v1/votes", &lost).await;
    assert_eq!(first.refusal(), "internal");
    // What is told with the next vote of this key.
    let next = vote("example.com", counted);
    assert_eq!(shop.house.post("/v1/votes", &next).await.status, 200);
    let key = messages::KeyId::of(&next.credentials[0].public_key).to_string();
    let report = || -> Value {
        let report = printed(run(&shop, &["report", "--json"]));
        serde_json::from_str::<Value>(&report).unwrap()["keys"].take()
    };

    let (keys, text) = (report(), printed(run(&shop, &["report"])));

    assert_eq!(keys.as_array().unwrap().len(), 1, "{keys}");
    assert_eq!(keys[0]["keyId"], key);
    assert_eq!(
        (&keys[0]["tokensCounted"], &keys[0]["redeemedTotal"]),
        (&8.into(), &12.into())
    );
    let line = "8 tokens counted, 4 redeemed and never repeated";
    assert!(text.contains(line), "{text}");
    assert_eq!(shop.house.post("/v1/votes", &lost).await.status, 200);
    let keys = report();
    assert_eq!(
        (&keys[0]["tokensCounted"], &keys[0]["redeemedTotal"]),
        (&12.into(), &12.into())
    );
}
