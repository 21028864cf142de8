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
