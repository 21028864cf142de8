//! What was answered 204 is in the log, as it was sent.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::TimeDelta;
use futures_util::future::join_all;
use reqwest::StatusCode;
use service_kit::{event_log::Header, fault::FaultPoints};
use star_collector::domain::channel::RECORD_THRESHOLD_HEADER;

use super::app::{App, K, LAYERS, NUMBER, TOPIC, sorted, start, tag, taken};

#[tokio::test]
async fn a_message_is_kept_byte_for_byte_with_its_tag_as_key_and_the_minute_as_time() {
    let mut app = App::start().await;
    let message = app.message();

    taken(app.send(&message).await).await;

    let records = app.records().await;
    let [record] = &records[..] else {
        panic!("{} records", records.len())
    };
    assert_eq!(record.value, message);
    assert_eq!(record.key, tag(&message, LAYERS));
    assert!(record.headers.is_empty());
    assert_eq!(record.timestamp.timestamp() % 60, 0);
    assert_eq!(record.timestamp.timestamp_subsec_nanos(), 0);
    assert_eq!((start() - record.timestamp).num_milliseconds(), 31_250);
}

#[tokio::test]
async fn a_threshold_that_was_sent_stands_in_the_header_of_the_record() {
    let mut app = App::start().await;
    let (seven, five) = (app.message_of(NUMBER, 7), app.message());

    taken(app.send_with_threshold(&seven, "7").await).await;
    taken(app.send_with_threshold(&five, &K.to_string()).await).await;

    for record in app.records().await {
        let threshold = if record.value == seven { 7_u32 } else { K };
        let header = Header {
            name: RECORD_THRESHOLD_HEADER.to_owned(),
            value: threshold.to_le_bytes().to_vec(),
        };
        assert_eq!(record.headers, [header]);
    }
    assert_eq!(app.values().await, sorted([seven, five]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_many_clients_send_at_once_are_appended_together_and_all_kept() {
    let batches = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&batches);
    let faults = FaultPoints::planned(move |name| {
        if name == "star-collect-batch" {
            count.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    });
    let mut app = App::failing(&[], faults).await;
    let messages: Vec<_> = (0..200).map(|_| app.message()).collect();

    let answers = join_all(messages.iter().map(|message| app.send(message))).await;

    let status = answers.iter().map(reqwest::Response::status);
    assert!(
        status
            .into_iter()
            .all(|status| status == StatusCode::NO_CONTENT)
    );
    assert_eq!(app.values().await, sorted(messages));
    let batches = batches.load(Ordering::Relaxed);
    assert!((1..150).contains(&batches), "{batches} batches");
}

#[tokio::test]
async fn what_is_kept_is_there_when_the_service_has_stopped() {
    let mut app = App::start().await;
    let message = app.message();
    taken(app.send(&message).await).await;

    app.stop().await;

    assert_eq!(app.values().await, [message]);
}

#[tokio::test]
async fn the_largest_message_is_taken_and_a_larger_one_is_not() {
    let mut app = App::start().await;
    let message = app.message();
    let limit = |bytes: usize| bytes.to_string();
    let exact = App::with(&[("channel.message_bytes_max", &limit(message.len()))]).await;
    let small = App::with(&[("channel.message_bytes_max", &limit(message.len() - 1))]).await;

    taken(exact.post(STANDARD.encode(&message)).await).await;

    let refused = small.post(STANDARD.encode(&message)).await;
    assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(small.values().await.len(), 0);
}

#[tokio::test]
async fn a_visitor_reads_a_sentence() {
    let app = App::start().await;

    let answer = app.get("/").await;

    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.text().await.unwrap().ends_with(".\n"));
}

/// How many records the topic has, and how many it ever had.
async fn kept_of(app: &App) -> (u64, u64) {
    let (mut kept, mut ever) = (0, 0);
    for partition in 0..app.log.partitions(TOPIC).await.unwrap() {
        let bounds = app.log.bounds(TOPIC, partition).await.unwrap();
        kept += bounds.end - bounds.start;
        ever += bounds.end;
    }
    (kept, ever)
}

#[tokio::test]
async fn messages_past_the_retention_of_their_topic_are_dropped_from_a_log_in_a_file() {
    let mut app = App::with(&[("event_log.retention_days", "30")]).await;
    let first = app.message();
    taken(app.send(&first).await).await;
    app.simulation.run_for(TimeDelta::days(29)).await;
    let later = app.message_of(NUMBER + 4, K);
    taken(app.send(&later).await).await;
    assert_eq!(kept_of(&app).await, (2, 2));

    app.simulation.run_for(TimeDelta::days(3)).await;

    assert_eq!(kept_of(&app).await, (1, 2));
}
