//! When things happened: what is stored of it, how finely, and on which side (S1–S5).

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use client::transport::Request;
use messages::FundingSource;
use test_kit::stored::StoredValue;

use super::world::{ORDERS, VOTES, World, beginning, vote_for};

/// The columns that hold `moment` more finely than the hour: as text, or as a number of any unit.
fn fine_times(stored: &[StoredValue], moment: DateTime<Utc>) -> BTreeSet<String> {
    let clock_face = moment.format("%H:%M").to_string();
    let tells = |value: &&StoredValue| {
        let Ok(text) = std::str::from_utf8(&value.bytes) else {
            return false;
        };
        text.contains(&clock_face) || text.parse().is_ok_and(|number| is_fine(number, moment))
    };
    let telling = stored.iter().filter(tells);
    telling
        .map(|value| format!("{}/{}.{}", value.database, value.table, value.column))
        .collect()
}

/// Whether a number is `moment` in seconds or a finer unit, within a minute, and not cut to the hour.
fn is_fine(number: i128, moment: DateTime<Utc>) -> bool {
    [1, 1_000, 1_000_000, 1_000_000_000]
        .into_iter()
        .any(|unit: i128| {
            let at = i128::from(moment.timestamp()) * unit;
            (number - at).abs() < 60 * unit && number % (3_600 * unit) != 0
        })
}

/// The databases that hold the hour of `moment`, as hours since 1970.
fn databases_with_hour(stored: &[StoredValue], moment: DateTime<Utc>) -> BTreeSet<&str> {
    let hour = (moment.timestamp() / 3_600).to_string();
    let telling = stored.iter().filter(|value| value.bytes == hour.as_bytes());
    telling.map(|value| value.database.as_str()).collect()
}

/// Orders, pays, has tokens signed, fetches them again and votes, each at a time of its own.
async fn live_through_the_signals(world: &mut World) -> [DateTime<Utc>; 5] {
    let at = |seconds: i64| beginning() + TimeDelta::seconds(seconds);
    let moments = [at(0), at(4_111), at(8_333), at(12_777), at(16_999)];
    let [_, paying, signing, fetching, voting] = moments;
    let mut hand = world.hand();
    // The hand holds the calendar while it lives: another one goes on after each pause.
    let open = world
        .drive(hand.order(FundingSource::UserWallet, 4))
        .await
        .unwrap();
    drop(hand);
    world.live_until(paying).await;
    let mut hand = world.hand();
    world.drive(hand.pay(&open)).await.unwrap();
    drop(hand);
    world.live_until(signing).await;
    let mut hand = world.hand();
    let tokens = world.drive(hand.tokens(&open)).await.unwrap();
    drop(hand);
    world.live_until(fetching).await;
    let capability = open.order.capability.as_deref().unwrap();
    let path = format!("/v1/orders/{}/credentials", open.order.id);
    let before = orders_content(world).await;
    let fetched = world
        .send(&Request::get(path).with_capability(capability))
        .await;
    assert!(fetched.status.is_success());
    assert_eq!(
        before,
        orders_content(world).await,
        "fetching credentials leaves a trace"
    );
    world.live_until(voting).await;
    let mut hand = world.hand();
    world
        .drive(hand.vote(&tokens, &vote_for("example.com")))
        .await
        .unwrap();
    drop(hand);
    moments
}

/// All that the orders' database says of orders and credentials.
async fn orders_content(world: &World) -> Vec<StoredValue> {
    let mut values = world.kit.stores().values_of(ORDERS).await.unwrap();
    values.retain(|value| value.table != "lease");
    values
}

#[tokio::test(flavor = "multi_thread")]
async fn s1_to_s5_no_moment_is_stored_and_hours_stay_with_the_orders() {
    let mut world = World::start().await;

    let moments = live_through_the_signals(&mut world).await;
    let waiting = world.kit.stored().await.unwrap();
    world.live(TimeDelta::days(1)).await;
    let published = world.kit.stored().await.unwrap();

    for stored in [&waiting, &published] {
        for moment in moments {
            assert_eq!(fine_times(stored, moment), BTreeSet::new(), "{moment}");
        }
        let [ordering, paying, signing, fetching, voting] = moments;
        for moment in [ordering, paying] {
            assert_eq!(
                databases_with_hour(stored, moment),
                BTreeSet::from([ORDERS]),
                "{moment}"
            );
        }
        for moment in [fetching, voting] {
            assert_eq!(
                databases_with_hour(stored, moment),
                BTreeSet::new(),
                "{moment}"
            );
        }
        assert!(databases_with_hour(stored, signing).is_subset(&BTreeSet::from([ORDERS])));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s1_to_s5_control_a_time_that_is_kept_is_seen() {
    let mut world = World::start().await;
    let [ordering, _, _, _, voting] = live_through_the_signals(&mut world).await;
    let keep = format!(
        "ALTER TABLE vote ADD COLUMN at BIGINT; UPDATE vote SET at = {};
         ALTER TABLE vote ADD COLUMN hour INTEGER; UPDATE vote SET hour = {}",
        voting.timestamp_millis() + 12,
        voting.timestamp() / 3_600,
    );
    world.tamper(VOTES, &keep).await;
    let keep = format!("UPDATE orders SET currency = '{}'", ordering.to_rfc3339());
    world.tamper(ORDERS, &keep).await;

    let stored = world.kit.stored().await.unwrap();

    assert_eq!(
        fine_times(&stored, voting),
        BTreeSet::from([format!("{VOTES}/vote.at")])
    );
    assert_eq!(
        databases_with_hour(&stored, voting),
        BTreeSet::from([VOTES])
    );
    assert_eq!(
        fine_times(&stored, ordering),
        BTreeSet::from([format!("{ORDERS}/orders.currency")])
    );
}
