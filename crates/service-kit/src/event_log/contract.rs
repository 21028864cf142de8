//! What every event log must do, as one suite: each engine's tests run all of [`for_each_case`].

use std::sync::Arc;

use async_trait::async_trait;

use super::EventLog;

mod fixtures;

/// An engine with nothing in it yet.
#[async_trait]
pub trait Engine: Sync {
    /// Opens it, each time as another process would. Where topics are made by others, they have made
    /// [`Engine::topic`] with [`PARTITIONS`] partitions.
    async fn open(&self) -> Arc<dyn EventLog>;

    /// The topic of this case, and the name of its publishers: its own where cases share an engine.
    fn topic(&self) -> String {
        "test.contract".to_owned()
    }
}

/// Calls `$run!` with the names of all cases.
#[macro_export]
macro_rules! event_log_contract_cases {
    ($run:ident) => {
        $run! {
            a_batch_begins_where_reading_started
            a_batch_has_no_more_records_than_are_asked_for
            a_gap_is_refused_and_writes_nothing
            a_missing_topic_is_an_error
            a_position_is_read_without_shutting_anybody_out
            a_position_outside_the_log_is_refused
            a_publisher_opened_again_goes_on_where_the_last_stopped
            a_publisher_opened_again_shuts_out_the_older_one
            a_repeated_publication_is_there_once
            a_topic_keeps_its_partitions
            an_appended_record_is_there_on_return
            an_unknown_publisher_has_no_position
            another_generation_has_a_position_of_its_own
            one_bad_record_leaves_nothing_of_its_publication
            headers_come_back_with_their_records
            records_of_one_key_stay_in_order
            two_that_have_it_open_see_each_others_records
        }
    };
}
pub use crate::event_log_contract_cases as for_each_case;

/// How many partitions the topic of a case has.
pub const PARTITIONS: u32 = 3;

#[expect(missing_docs, reason = "the names are sentences")]
mod cases {
    use std::collections::BTreeMap;

    use chrono::TimeDelta;

    use super::{
        Engine, PARTITIONS,
        fixtures::{batches, day, from_the_start, id, number, opened, record, records, values},
    };
    use crate::event_log::{Error, Header, NewRecord, Partition, TopicSettings, partition_of};

    pub async fn headers_come_back_with_their_records(engine: &dyn Engine) {
        let log = opened(engine).await;
        let said = vec![
            Header {
                name: "threshold".to_owned(),
                value: vec![50, 0, 0, 255],
            },
            Header {
                name: "empty".to_owned(),
                value: Vec::new(),
            },
        ];
        let with = NewRecord {
            headers: said.clone(),
            ..record(engine, "one key", 1)
        };
        let without = record(engine, "one key", 2);

        let mut appender = log.appender().await.expect("opens");
        appender
            .append(&[with.clone(), without.clone()])
            .await
            .expect("appends");
        let mut publisher = log.publisher(&id(engine, 1)).await.expect("opens");
        publisher.publish(0, vec![with]).await.expect("publishes");

        let batches = from_the_start(engine, log.as_ref()).await;
        let records = batches.into_iter().flat_map(|batch| batch.records);
        let headers: Vec<_> = records.map(|record| record.headers).collect();
        assert_eq!(headers, [said.clone(), Vec::new(), said]);
    }

    pub async fn an_unknown_publisher_has_no_position(engine: &dyn Engine) {
        let log = opened(engine).await;
        let mut publisher = log.publisher(&id(engine, 1)).await.expect("opens");

        assert_eq!(publisher.position().await.expect("answers"), None);
        publisher
            .publish(0, Vec::new())
            .await
            .expect("sets the position");
        assert_eq!(publisher.position().await.expect("answers"), Some(0));
    }

    pub async fn a_position_is_read_without_shutting_anybody_out(engine: &dyn Engine) {
        let log = opened(engine).await;
        let id = id(engine, 1);
        assert_eq!(log.position(&id).await.expect("answers"), None);
        let mut publisher = log.publisher(&id).await.expect("opens");
        publisher
            .publish(0, records(engine, 0..10))
            .await
            .expect("publishes");

        assert_eq!(log.position(&id).await.expect("answers"), Some(10));

        publisher
            .publish(10, records(engine, 10..11))
            .await
            .expect("it is not shut out");
    }

    pub async fn a_publisher_opened_again_goes_on_where_the_last_stopped(engine: &dyn Engine) {
        let log = opened(engine).await;
        let mut publisher = log.publisher(&id(engine, 1)).await.expect("opens");
        publisher
            .publish(0, records(engine, 0..10))
            .await
            .expect("publishes");
        drop(publisher);

        let log = opened(engine).await;
        let mut publisher = log.publisher(&id(engine, 1)).await.expect("opens");
        assert_eq!(publisher.position().await.expect("answers"), Some(10));
        publisher
            .publish(10, records(engine, 10..12))
            .await
            .expect("publishes");

        assert_eq!(values(engine, &*log).await, (0..12).collect::<Vec<_>>());
    }

    pub async fn a_repeated_publication_is_there_once(engine: &dyn Engine) {
        let log = opened(engine).await;
        let mut publisher = log.publisher(&id(engine, 1)).await.expect("opens");
        publisher
            .publish(0, records(engine, 0..10))
            .await
            .expect("publishes");

        publisher
            .publish(5, records(engine, 5..15))
            .await
            .expect("skips what is there");
        publisher
            .publish(0, records(engine, 0..3))
            .await
            .expect("skips all of it");

        assert_eq!(publisher.position().await.expect("answers"), Some(15));
        assert_eq!(values(engine, &*log).await, (0..15).collect::<Vec<_>>());
    }

    pub async fn a_gap_is_refused_and_writes_nothing(engine: &dyn Engine) {
        let log = opened(engine).await;
        let mut publisher = log.publisher(&id(engine, 1)).await.expect("opens");
        publisher
            .publish(0, records(engine, 0..2))
            .await
            .expect("publishes");

        let refused = publisher.publish(3, records(engine, 3..4)).await;

        assert!(matches!(
            refused,
            Err(Error::Gap {
                expected: 2,
                found: 3
            })
        ));
        assert_eq!(values(engine, &*log).await, vec![0, 1]);
    }

    pub async fn one_bad_record_leaves_nothing_of_its_publication(engine: &dyn Engine) {
        let log = opened(engine).await;
        let mut publisher = log.publisher(&id(engine, 1)).await.expect("opens");
        let mut records = records(engine, 0..3);
        records.push(NewRecord {
            headers: Vec::new(),
            topic: "test.no-such-topic".to_owned(),
            ..record(engine, "key", 3)
        });

        assert!(publisher.publish(0, records).await.is_err());

        let mut publisher = log.publisher(&id(engine, 1)).await.expect("opens");
        assert_eq!(publisher.position().await.expect("answers"), None);
        assert_eq!(values(engine, &*log).await, Vec::<u64>::new());
    }

    pub async fn a_publisher_opened_again_shuts_out_the_older_one(engine: &dyn Engine) {
        let log = opened(engine).await;
        let mut older = log.publisher(&id(engine, 1)).await.expect("opens");
        older
            .publish(0, records(engine, 0..1))
            .await
            .expect("publishes");

        let mut newer = opened(engine)
            .await
            .publisher(&id(engine, 1))
            .await
            .expect("opens");

        assert!(matches!(
            older.publish(1, records(engine, 1..2)).await,
            Err(Error::Fenced)
        ));
        newer
            .publish(1, records(engine, 1..2))
            .await
            .expect("publishes");
        assert!(matches!(
            older.publish(2, records(engine, 2..3)).await,
            Err(Error::Fenced)
        ));
        assert_eq!(values(engine, &*log).await, vec![0, 1]);
    }

    pub async fn another_generation_has_a_position_of_its_own(engine: &dyn Engine) {
        let log = opened(engine).await;
        let mut first = log.publisher(&id(engine, 1)).await.expect("opens");
        first
            .publish(0, records(engine, 0..4))
            .await
            .expect("publishes");

        let mut second = log.publisher(&id(engine, 2)).await.expect("opens");

        assert_eq!(second.position().await.expect("answers"), None);
        first
            .publish(4, records(engine, 4..5))
            .await
            .expect("is not shut out");
    }

    pub async fn an_appended_record_is_there_on_return(engine: &dyn Engine) {
        let log = opened(engine).await;
        let mut appender = log.appender().await.expect("opens");

        appender
            .append(&records(engine, 0..5))
            .await
            .expect("appends");

        assert_eq!(values(engine, &*log).await, (0..5).collect::<Vec<_>>());
    }

    pub async fn a_batch_begins_where_reading_started(engine: &dyn Engine) {
        let log = opened(engine).await;
        let mut appender = log.appender().await.expect("opens");
        appender
            .append(&records(engine, 0..1200))
            .await
            .expect("appends");

        let mut next = BTreeMap::new();
        for batch in from_the_start(engine, &*log).await {
            let start = log
                .bounds(&engine.topic(), batch.partition)
                .await
                .expect("answers")
                .start;
            assert_eq!(batch.from, *next.get(&batch.partition).unwrap_or(&start));
            let last = batch.records.last().expect("a batch is not empty");
            assert!(last.offset < batch.to);
            next.insert(batch.partition, batch.to);
        }

        // Where reading stopped, nothing more is found, and later records are.
        let from = next.into_iter().collect::<Vec<_>>();
        let mut consumer = log
            .consumer(&engine.topic(), from.clone())
            .await
            .expect("opens");
        assert!(consumer.next().await.expect("answers").is_none());
        appender
            .append(&records(engine, 1200..1210))
            .await
            .expect("appends");
        let late: usize = batches(&mut *consumer)
            .await
            .iter()
            .map(|b| b.records.len())
            .sum();
        assert_eq!(late, 10);
    }

    pub async fn a_batch_has_no_more_records_than_are_asked_for(engine: &dyn Engine) {
        let log = opened(engine).await;
        let mut appender = log.appender().await.expect("opens");
        let records: Vec<_> = (0..1200).map(|n| record(engine, "key", n)).collect();
        appender.append(&records).await.expect("appends");
        let start = vec![(partition_of(b"key", PARTITIONS), 0)];

        let mut consumer = log.consumer(&engine.topic(), start).await.expect("opens");
        let mut sizes = Vec::new();
        for records_max in [700, 100, 700] {
            let batch = consumer.next_up_to(records_max).await.expect("answers");
            sizes.push(batch.map_or(0, |batch| batch.records.len()));
        }

        assert_eq!(sizes, [700, 100, 400]);
    }

    pub async fn records_of_one_key_stay_in_order(engine: &dyn Engine) {
        let log = opened(engine).await;
        let mut appender = log.appender().await.expect("opens");
        appender
            .append(&records(engine, 0..700))
            .await
            .expect("appends");

        let mut places: BTreeMap<_, (Partition, u64)> = BTreeMap::new();
        for batch in from_the_start(engine, &*log).await {
            for record in &batch.records {
                let value = number(&record.value);
                let place = places
                    .entry(record.key.clone())
                    .or_insert((batch.partition, value));
                assert_eq!(place.0, batch.partition, "one key, one partition");
                assert!(place.1 <= value, "in order");
                assert_eq!(record.timestamp, day());
                place.1 = value;
            }
        }
        assert_eq!(places.len(), 7);
    }

    pub async fn a_position_outside_the_log_is_refused(engine: &dyn Engine) {
        let log = opened(engine).await;
        let end = log.end(&engine.topic(), 0).await.expect("answers");

        let refused = log.consumer(&engine.topic(), vec![(0, end + 1)]).await;

        assert!(matches!(refused, Err(Error::OutsideLog { position, .. }) if position == end + 1));
    }

    pub async fn a_missing_topic_is_an_error(engine: &dyn Engine) {
        let log = opened(engine).await;

        let partitions = log.partitions("test.no-such-topic").await;
        let consumer = log.consumer("test.no-such-topic", vec![(0, 0)]).await;

        assert!(matches!(partitions, Err(Error::UnknownTopic(_))));
        assert!(matches!(consumer, Err(Error::UnknownTopic(_))));
    }

    pub async fn a_topic_keeps_its_partitions(engine: &dyn Engine) {
        let log = opened(engine).await;
        assert_eq!(
            log.partitions(&engine.topic()).await.expect("answers"),
            PARTITIONS
        );

        let settings = TopicSettings {
            partitions: PARTITIONS + 1,
            retention: TimeDelta::days(3650),
        };

        let changed = log.ensure_topic(&engine.topic(), settings).await;
        assert!(matches!(
            changed,
            Err(Error::Partitions {
                found: PARTITIONS,
                ..
            })
        ));
    }

    pub async fn two_that_have_it_open_see_each_others_records(engine: &dyn Engine) {
        let (one, other) = (opened(engine).await, opened(engine).await);
        let mut appender = one.appender().await.expect("opens");

        appender
            .append(&records(engine, 0..3))
            .await
            .expect("appends");

        assert_eq!(values(engine, &*other).await, vec![0, 1, 2]);
    }
}
pub use cases::*;
