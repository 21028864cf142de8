//! The contract suite on an engine, and what becomes of a vote.

use std::time::Duration;

use messages::avro::Record as _;
use service_kit::{
    lease::{Claim, Holder},
    outbox::Shuffle,
};

use super::super::tests::store;
use crate::{
    domain::vote::VoteId,
    store::votes::{Store as _, VotesDatabase as _, contract},
};

#[tokio::test]
async fn a_vote_is_counted_once() {
    let (_folder, store) = store().await;
    contract::a_vote_is_counted_once(&store, &*store.outbox()).await;
}

#[tokio::test]
async fn a_recorded_vote_is_known() {
    let (_folder, store) = store().await;
    contract::a_recorded_vote_is_known(&store).await;
}

#[tokio::test]
async fn the_highest_redeemed_total_is_kept() {
    let (_folder, store) = store().await;
    contract::the_highest_redeemed_total_is_kept(&store).await;
}

#[tokio::test]
async fn settling_loses_nothing() {
    let (_folder, store) = store().await;
    contract::settling_loses_nothing(&store, &*store.outbox()).await;
}

#[tokio::test]
async fn votes_are_forgotten_by_key() {
    let (_folder, store) = store().await;
    contract::votes_are_forgotten_by_key(&store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn identical_votes_at_once_make_one_row() {
    let (_folder, store) = store().await;
    contract::identical_votes_at_once_make_one_row(&store, &*store.outbox()).await;
}

#[tokio::test]
async fn an_event_says_what_eyeshade_reads_and_only_the_day_of_its_publication() {
    let (_folder, store) = store().await;
    store.record(&[contract::vote(1, 1, 4, 4)]).await.unwrap();
    let outbox = store.outbox();
    let claim = Claim::now(Holder::random(), Duration::from_mins(1));
    let lease = outbox.take_lease(claim).await.unwrap().unwrap();
    outbox
        .position_waiting(&lease, 10, Shuffle::Random)
        .await
        .unwrap();

    let published = |day: &'static str| {
        let outbox = outbox.clone();
        async move {
            let day = day.parse().unwrap();
            outbox.positioned(0, 10, day).await.unwrap().remove(0)
        }
    };
    let record = published("2026-01-10").await;
    let event = messages::avro::Vote::decode(&record.value).unwrap();
    let later = published("2026-01-11").await;

    assert_eq!(record.topic, "test.payment.vote");
    assert_eq!(record.key, b"example.com");
    assert_eq!(record.timestamp.to_rfc3339(), "2026-01-10T00:00:00+00:00");
    assert_eq!(
        event,
        messages::avro::Vote {
            id: crate::votes::rules::event_id(VoteId([1; 32])).to_string(),
            kind: "auto-contribute".to_owned(),
            channel: "example.com".to_owned(),
            created_at: "2026-01-10T00:00:00Z".to_owned(),
            base_vote_value: "0.25".to_owned(),
            vote_tally: 4,
            funding_source: "user-wallet".to_owned(),
        }
    );
    let again = messages::avro::Vote::decode(&later.value).unwrap();
    assert_eq!(again.id, event.id);
}
