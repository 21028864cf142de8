//! Records to write, and what is in the log.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{Engine, PARTITIONS};
use crate::event_log::{
    Batch, Consumer, EventLog, NewRecord, Offset, Partition, PublisherId, TopicSettings,
};

pub(super) async fn opened(engine: &dyn Engine) -> Arc<dyn EventLog> {
    let log = engine.open().await;
    let settings = TopicSettings {
        partitions: PARTITIONS,
        retention: TimeDelta::days(3650),
    };
    log.ensure_topic(&engine.topic(), settings)
        .await
        .expect("a topic can be made");
    log
}

pub(super) fn id(engine: &dyn Engine, generation: u128) -> PublisherId {
    PublisherId {
        name: engine.topic(),
        generation: Uuid::from_u128(generation),
    }
}

pub(super) fn record(engine: &dyn Engine, key: &str, value: u64) -> NewRecord {
    NewRecord {
        headers: Vec::new(),
        topic: engine.topic(),
        key: key.as_bytes().to_vec(),
        value: value.to_be_bytes().to_vec(),
        timestamp: day(),
    }
}

pub(super) fn day() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).expect("2026-01-01 is a time")
}

pub(super) fn records(engine: &dyn Engine, values: std::ops::Range<u64>) -> Vec<NewRecord> {
    values
        .map(|n| record(engine, &format!("key {}", n % 7), n))
        .collect()
}

pub(super) async fn batches(consumer: &mut dyn Consumer) -> Vec<Batch> {
    let mut batches = Vec::new();
    while let Some(batch) = consumer.next().await.expect("reading works") {
        batches.push(batch);
    }
    batches
}

pub(super) async fn from_the_start(engine: &dyn Engine, log: &dyn EventLog) -> Vec<Batch> {
    let mut from: Vec<(Partition, Offset)> = Vec::new();
    for partition in 0..PARTITIONS {
        let start = log
            .bounds(&engine.topic(), partition)
            .await
            .expect("a partition has bounds")
            .start;
        from.push((partition, start));
    }
    let mut consumer = log
        .consumer(&engine.topic(), from)
        .await
        .expect("reading works");
    batches(&mut *consumer).await
}

/// The values in the log, in order of value.
pub(super) async fn values(engine: &dyn Engine, log: &dyn EventLog) -> Vec<u64> {
    let mut values: Vec<u64> = from_the_start(engine, log)
        .await
        .iter()
        .flat_map(|batch| &batch.records)
        .map(|record| number(&record.value))
        .collect();
    values.sort_unstable();
    values
}

pub(super) fn number(value: &[u8]) -> u64 {
    u64::from_be_bytes(value.try_into().expect("the tests write eight bytes"))
}
