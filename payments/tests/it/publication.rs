//! What reaches the topics, and when.

use chrono::TimeDelta;
use messages::avro::{DirectoryHead, Funds, Record as _, Vote};
use service_kit::event_log::{self, Record};

use crate::house::{CARD, House, WALLET, Wish, vote};

/// All records of a topic.
pub(crate) async fn topic(house: &House, name: &str) -> Vec<Record> {
    let topic = format!("development.payment.{name}");
    let log = event_log::open(&house.layout.event_log(), &event_log::Access::default())
        .await
        .unwrap();
    let partitions = log.partitions(&topic).await.unwrap();
    let from = (0..partitions).map(|partition| (partition, 0)).collect();
    let mut consumer = log.consumer(&topic, from).await.unwrap();
    let mut records = Vec::new();
    while let Some(batch) = consumer.next().await.unwrap() {
        records.extend(batch.records);
    }
    records
}

async fn cast(house: &House, issuer: &str, channel: &str, tokens: usize) {
    let vote = vote(channel, &house.tokens(issuer, tokens).await);
    assert_eq!(house.post("/v1/votes", &vote).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn few_votes_wait_for_the_days_last_slot_and_tell_only_its_day() {
    let mut house = House::start().await;
    cast(&house, WALLET, "example.com", 4).await;
    cast(&house, CARD, "example.org", 2).await;

    // 12:10 passes with two votes waiting.
    house.simulation.run_for(TimeDelta::hours(6)).await;
    assert!(topic(&house, "vote").await.is_empty());
    // 18:10 is the last slot.
    house.simulation.run_for(TimeDelta::hours(1)).await;

    let mut votes: Vec<_> = topic(&house, "vote").await;
    assert!(
        votes
            .iter()
            .all(|record| record.timestamp.to_rfc3339() == "2026-01-05T00:00:00+00:00")
    );
    votes.sort_by(|a, b| a.key.cmp(&b.key));
    let votes: Vec<_> = votes
        .iter()
        .map(|record| Vote::decode(&record.value).unwrap())
        .collect();
    let told: Vec<_> = votes
        .iter()
        .map(|vote| {
            (
                &*vote.channel,
                vote.vote_tally,
                &*vote.funding_source,
                &*vote.created_at,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("example.com", 4, "user-wallet", "2026-01-05T00:00:00Z"),
            ("example.org", 2, "anonymous-card", "2026-01-05T00:00:00Z"),
        ]
    );
    assert!(
        votes
            .iter()
            .all(|vote| vote.base_vote_value == "0.25" && vote.kind == "auto-contribute")
    );
    assert_eq!(house.recorded().await.0, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn enough_votes_go_with_the_next_slot() {
    let wish = Wish {
        settings: vec![("publication.publication_min_votes", "2".to_owned())],
        ..Wish::default()
    };
    let mut house = House::with(wish).await;
    cast(&house, WALLET, "example.com", 1).await;
    cast(&house, WALLET, "example.com", 1).await;
    house.simulation.run_for(TimeDelta::minutes(5)).await;
    assert!(
        topic(&house, "vote").await.is_empty(),
        "not before the slot"
    );

    house.simulation.run_for(TimeDelta::minutes(5)).await;

    assert_eq!(topic(&house, "vote").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vote_after_the_last_slot_belongs_to_the_next_day() {
    let wish = Wish {
        settings: vec![("publication.publication_min_votes", "1".to_owned())],
        ..Wish::default()
    };
    let mut house = House::with(wish).await;
    house.simulation.run_for(TimeDelta::hours(7)).await;
    cast(&house, WALLET, "example.com", 1).await;

    house.simulation.run_for(TimeDelta::hours(6)).await;

    let [record] = topic(&house, "vote").await.try_into().unwrap();
    assert_eq!(
        Vote::decode(&record.value).unwrap().created_at,
        "2026-01-06T00:00:00Z"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_day_has_its_head_and_each_quiet_week_its_funds_on_the_topics() {
    let mut house = House::start().await;
    house.sold(4).await;
    cast(&house, WALLET, "example.com", 4).await;

    house.simulation.run_for(TimeDelta::days(8)).await;

    let heads = topic(&house, "directory").await;
    let mut days: Vec<_> = heads
        .iter()
        .map(|record| DirectoryHead::decode(&record.value).unwrap().day)
        .collect();
    days.sort();
    let expected: Vec<_> = (5..=13).map(|day| format!("2026-01-{day:02}")).collect();
    assert_eq!(days, expected);
    let funds: Vec<_> = topic(&house, "funds").await;
    let funds: Vec<_> = funds
        .iter()
        .map(|record| Funds::decode(&record.value).unwrap())
        .collect();
    let mut told: Vec<_> = funds
        .iter()
        .map(|record| (&*record.day, &*record.funding_source))
        .collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            ("2026-01-04", "anonymous-card"),
            ("2026-01-04", "user-wallet"),
            ("2026-01-11", "anonymous-card"),
            ("2026-01-11", "user-wallet"),
        ]
    );
    let last = funds
        .iter()
        .find(|record| record.day == "2026-01-11" && record.funding_source == "user-wallet");
    let [key] = last.unwrap().keys.clone().try_into().unwrap();
    assert_eq!((key.signed_total, key.redeemed_total), (4, 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_and_funds_that_waited_together_leave_by_day() {
    let wish = Wish {
        settings: vec![("publication.figures_interval_minutes", "12960".to_owned())],
        ..Wish::default()
    };
    let mut house = House::with(wish).await;
    let at_once = topic(&house, "directory").await.len();

    // The relay looks once in nine days: what came meanwhile leaves together.
    house.simulation.run_for(TimeDelta::minutes(12_961)).await;

    let heads = topic(&house, "directory").await;
    let heads = heads
        .iter()
        .map(|record| DirectoryHead::decode(&record.value));
    let days: Vec<_> = heads.map(|head| head.unwrap().day).collect();
    assert!(days.len() >= at_once + 8, "{days:?} waited together");
    assert!(days.is_sorted(), "{days:?}");
    let funds = topic(&house, "funds").await;
    let funds = funds.iter().map(|record| Funds::decode(&record.value));
    let funds: Vec<_> = funds.map(Result::unwrap).collect();
    for source in ["anonymous-card", "user-wallet"] {
        let own = funds
            .iter()
            .filter(|record| record.funding_source == source);
        let days: Vec<_> = own.map(|record| &*record.day).collect();
        assert_eq!(days, ["2026-01-04", "2026-01-11"], "{source}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_more_is_signed_than_sold_the_service_is_not_ready_and_records_no_funds() {
    let mut house = House::start().await;
    assert_eq!(house.admin("/readyz").await.status, 200);
    cast(&house, WALLET, "example.com", 4).await;

    house.simulation.run_for(TimeDelta::days(8)).await;

    let readiness = house.admin("/readyz").await;
    assert_eq!(readiness.status, 503);
    let said = String::from_utf8(readiness.body).unwrap();
    assert!(said.contains("funds restate"), "{said}");
    assert_eq!(
        topic(&house, "funds").await.len(),
        2,
        "those of the first day"
    );

    // What was lost is found.
    house.sold(4).await;
    house.simulation.run_for(TimeDelta::hours(1)).await;
    assert_eq!(house.admin("/readyz").await.status, 200);
}
