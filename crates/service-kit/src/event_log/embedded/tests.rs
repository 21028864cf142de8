use std::sync::Arc;

use super::*;
use crate::event_log::{Access, NewRecord, contract};

struct Embedded(tempfile::TempDir);

#[async_trait]
impl contract::Engine for Embedded {
    async fn open(&self) -> Arc<dyn EventLog> {
        let path = self.0.path().join("log.db");
        Arc::new(EmbeddedLog::open(path.to_str().unwrap()).await.unwrap())
    }
}

macro_rules! passes {
    ($($case:ident)*) => {$(
        #[tokio::test]
        async fn $case() {
            contract::$case(&Embedded(tempfile::tempdir().unwrap())).await;
        }
    )*};
}

contract::for_each_case!(passes);

#[tokio::test]
async fn a_log_made_anew_has_another_identity() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut identities = Vec::new();
    for dir in [&one, &one, &other] {
        let log =
            contract::Engine::open(&Embedded(tempfile::tempdir_in(dir.path()).unwrap())).await;
        identities.push(log.identity().await.unwrap());
    }
    let path = one.path().join("again.db");
    let path = path.to_str().unwrap();
    let first = EmbeddedLog::open(path)
        .await
        .unwrap()
        .identity()
        .await
        .unwrap();
    let second = EmbeddedLog::open(path)
        .await
        .unwrap()
        .identity()
        .await
        .unwrap();

    identities.sort();
    identities.dedup();
    assert_eq!(identities.len(), 3);
    assert_eq!(first, second);
}

#[tokio::test]
async fn a_url_that_names_no_engine_is_refused() {
    for url in [
        "",
        "embedded:",
        "kafka:",
        "kafka://localhost:9092",
        "/tmp/log.db",
    ] {
        let opened = crate::event_log::open(url, &Access::default()).await;
        assert!(matches!(opened, Err(Error::Url)), "{url}");
    }
}

#[cfg(not(feature = "kafka"))]
#[tokio::test]
async fn a_program_without_kafka_says_how_it_gets_it() {
    let opened = crate::event_log::open("kafka:localhost:9092", &Access::default()).await;

    assert!(matches!(opened, Err(Error::NotBuilt)));
}

#[tokio::test]
async fn old_records_are_dropped_from_the_front_and_a_reader_left_behind_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(dir.path().join("log.db").to_str().unwrap())
        .await
        .unwrap();
    let settings = TopicSettings {
        partitions: 1,
        retention: chrono::TimeDelta::days(30),
    };
    log.ensure_topic("t", settings).await.unwrap();
    let record = |day: &str| NewRecord {
        headers: Vec::new(),
        topic: "t".to_owned(),
        key: Vec::new(),
        value: day.as_bytes().to_vec(),
        timestamp: format!("{day}T00:00:00Z").parse().unwrap(),
    };
    let days = ["2026-01-01", "2026-02-01", "2026-01-02"].map(record);
    log.appender().await.unwrap().append(&days).await.unwrap();
    let mut reader = log.consumer("t", vec![(0, 0)]).await.unwrap();

    let dropped = log
        .retire("2026-02-15T00:00:00Z".parse().unwrap())
        .await
        .unwrap();

    assert_eq!(dropped, 1, "what stands behind a younger record stays");
    assert_eq!(log.bounds("t", 0).await.unwrap(), 1..3);
    assert!(matches!(
        reader.next().await,
        Err(Error::OutsideLog {
            position: 0,
            start: 1,
            ..
        })
    ));
    assert_eq!(
        log.retire("2027-01-01T00:00:00Z".parse().unwrap())
            .await
            .unwrap(),
        2
    );
    assert_eq!(log.bounds("t", 0).await.unwrap(), 3..3);
}

#[tokio::test]
async fn records_that_lay_by_partition_are_read_as_before_once_they_lie_as_they_came() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.db");
    let path = path.to_str().unwrap();
    let old = migrator(SCRIPTS.get(..2).unwrap());
    let file = Sqlite::open(&format!("sqlite:{path}"), &old).await.unwrap();
    let before = EmbeddedLog { db: file };
    let settings = TopicSettings {
        partitions: 3,
        retention: chrono::TimeDelta::days(30),
    };
    before.ensure_topic("t", settings).await.unwrap();
    let record = |number: u8| NewRecord {
        headers: Vec::new(),
        topic: "t".to_owned(),
        key: vec![number],
        value: vec![number; 100],
        timestamp: DateTime::UNIX_EPOCH,
    };
    let records: Vec<_> = (0..50).map(record).collect();
    let mut appender = before.appender().await.unwrap();
    appender.append(&records).await.unwrap();
    let written = all(&before).await;
    before.close().await;

    let log = EmbeddedLog::open(path).await.unwrap();
    assert_eq!(all(&log).await, written);
    let later = [record(50)];
    log.appender().await.unwrap().append(&later).await.unwrap();

    let mut read = all(&log).await;
    assert_eq!(read.len(), 51);
    read.retain(|(_, record)| record.key[..] != [50]);
    assert_eq!(read, written, "what comes later changes no place");
}

/// Every record of the topic `t` with its partition, in order.
async fn all(log: &EmbeddedLog) -> Vec<(Partition, crate::event_log::Record)> {
    let from = (0..3).map(|partition| (partition, 0)).collect();
    let mut consumer = log.consumer("t", from).await.unwrap();
    let mut all = Vec::new();
    while let Some(batch) = consumer.next_up_to(7).await.unwrap() {
        let partition = batch.partition;
        all.extend(batch.records.into_iter().map(|record| (partition, record)));
    }
    all.sort_by_key(|(partition, record)| (*partition, record.offset));
    all
}
