//! What collect has kept, the aggregator counts.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use service_kit::{
    fault::{Crashed, FaultPoints},
    shutdown::Shutdown,
};
use star_collector::{
    aggregate::{
        memory::MemoryBound,
        rules::Rules,
        store::{self, Rejection},
        summary::Summary,
        worker::{Limits, Parts, Worker},
    },
    domain::{channel::Channel, epochs::Epochs},
};
use star_constellation::api::client;

use super::app::{App, K, LAYERS, NUMBER, start_of, taken};

/// A run of the aggregator over what the app has kept.
async fn aggregate(app: &App) -> Summary {
    let url = format!("sqlite:{}", app.path("aggregate.db").display());
    let parts = Parts {
        channel: Channel {
            name: "typical".to_owned(),
            input_topic: "p3a-star-enc".to_owned(),
            output_topic: "p3a-star-out".to_owned(),
            k: K,
            thresholds: K..=20,
            layers: LAYERS,
            message_bytes_max: 8 << 10,
            epochs: Epochs {
                base: start_of(0),
                length: TimeDelta::weeks(1),
                alive: 3,
            },
            date_field: "wos".to_owned(),
        },
        store: store::open(&url).await.unwrap(),
        log: Arc::clone(&app.log),
        clock: app.clock.clone(),
        limits: Limits {
            batch_messages: 500,
            memory: MemoryBound(1 << 30),
            waiting_bytes_per_group_max: 1 << 20,
            pending_bytes_max: 32 << 30,
            lag_min: 0,
        },
        rules: Rules::default(),
        lease_lasts: Duration::from_secs(1),
        shutdown: Shutdown::default(),
        faults: FaultPoints::default(),
    };
    Worker::new(parts, Box::new(|_, _| {})).run().await.unwrap()
}

/// A message as the clients' library makes it.
fn theirs(threshold: u32, auxiliary: &[u8]) -> Vec<u8> {
    let texts = ["q|yes", "platform|linux", "country|none"].map(|text| text.as_bytes().to_vec());
    client::construct_message_with_local_sampling(&texts, NUMBER, threshold, auxiliary).unwrap()
}

#[tokio::test]
async fn messages_of_the_clients_library_are_taken_and_counted() {
    let app = App::start().await;
    for _ in 0..6 {
        taken(app.send(&theirs(K, b"")).await).await;
    }
    for _ in 0..8 {
        let message = theirs(8, b"what a client adds");
        taken(app.send_with_threshold(&message, "8").await).await;
    }

    let summary = aggregate(&app).await;

    assert_eq!(summary.tally.rejected.len(), 0);
    assert_eq!(summary.tally.consumed, 14);
    assert_eq!(summary.tally.complete, 14);
    assert_eq!(summary.tally.reported, 14);
}

#[tokio::test]
async fn a_message_that_came_again_after_an_unknown_outcome_counts_once() {
    let faults = FaultPoints::planned(|name| match name {
        "star-collect-appended" => Err(Crashed(name)),
        _ => Ok(()),
    });
    let app = App::failing(&[], faults).await;
    for _ in 0..K {
        let message = theirs(K, b"");
        for _ in 0..3 {
            assert_eq!(app.send(&message).await.status().as_u16(), 503);
        }
    }

    let summary = aggregate(&app).await;

    assert_eq!(summary.tally.consumed, u64::from(3 * K));
    assert_eq!(summary.tally.reported, u64::from(K));
    let duplicates = summary.tally.rejected.get(&Rejection::Duplicate);
    assert_eq!(duplicates, Some(&u64::from(2 * K)));
}

#[tokio::test]
async fn a_message_of_the_last_moment_of_its_epoch_is_counted_although_the_aggregator_comes_later()
{
    let mut app = App::start().await;
    let end = start_of(super::app::EPOCH + 3);
    app.simulation
        .run_until(end - TimeDelta::milliseconds(1))
        .await;
    for _ in 0..K {
        taken(app.send(&theirs(K, b"")).await).await;
    }
    app.simulation.run_until(end + TimeDelta::hours(1)).await;

    let summary = aggregate(&app).await;

    assert_eq!(summary.tally.rejected.len(), 0);
    assert_eq!(summary.tally.reported, u64::from(K));
}
