//! Who may do what with star-collector's topics in a real Kafka: collect writes messages, the aggregator reads them and
//! writes measurements, and nobody else does anything (A5).

use std::sync::Arc;

use blindtally::system::Settings;
use clock::Clock;
use service_kit::event_log::{EventLog, NewRecord, PublisherId};
use star_collector::domain::channel::Channel;
use test_kit::measurements::site::{DEFAULT_CHANNEL, Site};
use tokio::task::JoinSet;

const COLLECT: &str = "star-collect";
const AGGREGATE: &str = "star-aggregate";

/// Everybody who has a certificate of the authority.
const PRINCIPALS: [&str; 6] = [
    AGGREGATE, COLLECT, "payments", "tally", "eyeshade", "stranger",
];

async fn reads(log: &Arc<dyn EventLog>, topic: &str) -> bool {
    let Ok(bounds) = log.bounds(topic, 0).await else {
        return false;
    };
    match log.consumer(topic, vec![(0, bounds.start)]).await {
        Ok(mut consumer) => consumer.next().await.is_ok(),
        Err(_) => false,
    }
}

async fn writes(log: &Arc<dyn EventLog>, topic: &str) -> bool {
    let record = NewRecord {
        topic: topic.to_owned(),
        key: b"key".to_vec(),
        value: b"value".to_vec(),
        headers: Vec::new(),
        timestamp: Clock::system().now(),
    };
    let mut appender = log.appender().await.unwrap();
    appender.append(&[record]).await.is_ok()
}

/// Whether somebody may publish in transactions, with a position.
async fn publishes(log: &Arc<dyn EventLog>) -> bool {
    let id = PublisherId {
        name: "line".to_owned(),
        generation: uuid::Uuid::nil(),
    };
    let Ok(mut publisher) = log.publisher(&id).await else {
        return false;
    };
    publisher.publish(0, Vec::new()).await.is_ok()
}

/// What each principal may do: read and write the topic of messages, and that of measurements, and publish.
async fn allowed(channel: &str) -> Vec<(&'static str, [bool; 5])> {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::new(dir.path()).await.unwrap();
    let lane = site.lane(channel, &Settings::default()).await.unwrap();
    // Refused attempts take their time: a client goes on trying. So all try at once.
    let mut trying = JoinSet::new();
    for principal in PRINCIPALS {
        let log = site.log(principal).await.unwrap();
        let channel = lane.channel.clone();
        trying.spawn(async move { (principal, tried(&log, &channel).await) });
    }
    let mut allowed = trying.join_all().await;
    allowed.sort_unstable();
    allowed
}

async fn tried(log: &Arc<dyn EventLog>, channel: &Channel) -> [bool; 5] {
    let (input, output) = (&channel.input_topic, &channel.output_topic);
    let may = tokio::join!(
        reads(log, input),
        writes(log, input),
        reads(log, output),
        writes(log, output),
        publishes(log)
    );
    may.into()
}

fn expected() -> Vec<(&'static str, [bool; 5])> {
    let may = |principal| match principal {
        AGGREGATE => [true, false, false, true, true],
        COLLECT => [false, true, false, false, false],
        _ => [false; 5],
    };
    let mut expected = PRINCIPALS.map(|principal| (principal, may(principal)));
    expected.sort_unstable();
    expected.into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a5_collect_writes_messages_the_aggregator_takes_them_and_nobody_else_does_anything() {
    assert_eq!(allowed(DEFAULT_CHANNEL).await, expected());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a5_the_same_holds_for_a_channel_that_an_operator_adds() {
    assert_eq!(allowed("express").await, expected());
}
