//! Exactly once, whatever happens in between.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use messages::{FundingSource, avro::Record as _};
use service_kit::{
    event_log::NewRecord,
    fault::{Crashed, FaultPoints},
    shutdown::Shutdown,
};
use tally::{Rules, closer::NotYet, intake::Reached};

use crate::app::{App, vote};

/// How many votes of all months were counted.
async fn counted(app: &App) -> u64 {
    let months = app.json("/v1/months").await;
    let months = months.pointer("/months").unwrap().as_array().unwrap();
    let totals = months
        .iter()
        .flat_map(|month| month.pointer("/totals").unwrap().as_array().unwrap());
    totals
        .map(|total| total.pointer("/votes").unwrap().as_u64().unwrap())
        .sum()
}

#[tokio::test]
async fn an_event_that_comes_twice_counts_once() {
    let mut app = App::start().await;
    for _ in 0..3 {
        app.vote(1, "example.com", 4).await;
        app.vote(2, "example.org", 2).await;
        app.settle().await;
    }

    assert_eq!(counted(&app).await, 6);
    let publisher = app.json("/v1/publishers/example.com").await;
    assert_eq!(publisher["pending"][0]["votes"], 4);
}

/// A5: what is no record, or is refused, is put aside with its reason, and reading goes on.
#[tokio::test]
async fn garbage_is_put_aside_with_reason_and_place_and_reading_goes_on() {
    let mut app = App::start().await;
    let day = "2026-01-01".parse().unwrap();
    let mut bad = vote(
        7,
        day,
        "Example.com",
        1,
        messages::FundingSource::UserWallet,
    );
    app.publish(&app.topics.vote, "a", b"garbage".to_vec())
        .await;
    app.publish(&app.topics.vote, "a", bad.encode()).await;
    bad.channel = "example.com".to_owned();
    bad.vote_tally = 1_000_000;
    app.publish(&app.topics.vote, "a", bad.encode()).await;
    app.vote(8, "example.com", 5).await;
    app.publish(&app.topics.funds, "a", vec![0; 300_000]).await;
    app.publish(&app.topics.directory, "a", vec![0xFF; 100])
        .await;
    app.settle().await;

    assert_eq!(counted(&app).await, 5);
    let mut letters = app
        .records(&format!("{}.dead-letter", app.topics.vote))
        .await;
    letters.sort_by_key(|letter| letter["offset"].as_u64());
    let reasons: Vec<_> = letters
        .iter()
        .map(|letter| letter["reason"].as_str().unwrap())
        .collect();
    assert_eq!(reasons, ["not-a-record", "bad-channel", "bad-count"]);
    assert_eq!(letters[0]["value"], "67617262616765");
    assert_eq!(letters[0]["topic"], app.topics.vote.as_str());
    for topic in [&app.topics.funds, &app.topics.directory] {
        assert_eq!(
            app.records(&format!("{topic}.dead-letter")).await.len(),
            1,
            "{topic}"
        );
    }
}

/// T11: dies after each step, again and again, and is started again.
#[tokio::test]
async fn a_crash_after_any_step_loses_and_repeats_nothing() {
    for point in [
        "tally-batch-read",
        "tally-batch-claimed",
        "tally-batch-taken",
        "relay-positioned",
        "relay-published",
        "relay-deleted",
    ] {
        let armed = std::sync::Arc::new(AtomicBool::new(true));
        let plan = std::sync::Arc::clone(&armed);
        let faults = FaultPoints::planned(move |name| {
            if name == point && plan.swap(false, Ordering::Relaxed) {
                return Err(Crashed(name));
            }
            Ok(())
        });
        let rules = Rules {
            faults: faults.clone(),
            ..Rules::default()
        };
        let mut app = App::with(rules.clone()).await;
        for round in 0..3_u32 {
            app.vote(u128::from(round) * 2, "example.com", 4).await;
            app.vote(u128::from(round) * 2 + 1, "example.org", 4).await;
            app.publish(&app.topics.vote, "a", round.to_be_bytes().to_vec())
                .await;
            app.settle().await;
            assert!(!armed.load(Ordering::Relaxed), "{point} was never passed");
            app.stop().await;
            armed.store(true, Ordering::Relaxed);
            app.run(rules.clone()).await;
            app.settle().await;
        }
        app.settle().await;

        assert_eq!(counted(&app).await, 24, "{point}");
        let letters = app
            .records(&format!("{}.dead-letter", app.topics.vote))
            .await;
        assert_eq!(letters.len(), 3, "{point}");
    }
}

/// More votes than go into two batches.
const BACKLOG: u64 = 10_400;

/// A day's backlog must not keep a service from stopping.
#[tokio::test]
async fn the_order_to_stop_is_heeded_between_batches_and_the_rest_is_read_afterwards() {
    let mut app = App::start().await;
    app.stop().await;
    let day = "2026-01-01".parse().unwrap();
    let votes = (0..BACKLOG).map(|event| NewRecord {
        headers: Vec::new(),
        topic: app.topics.vote.clone(),
        key: b"one".to_vec(),
        value: vote(
            event.into(),
            day,
            "example.com",
            1,
            FundingSource::UserWallet,
        )
        .encode(),
        timestamp: "2026-01-01T10:00:00Z".parse().unwrap(),
    });
    let votes: Vec<_> = votes.collect();
    for votes in votes.chunks(400) {
        app.append(votes).await;
    }
    let order: Arc<OnceLock<Shutdown>> = Arc::default();
    let given = Arc::clone(&order);
    let faults = FaultPoints::planned(move |name| {
        if let ("tally-batch-taken", Some(order)) = (name, given.get()) {
            order.begin();
        }
        Ok(())
    });
    let rules = Rules {
        faults,
        ..Rules::default()
    };
    let parts = tally::open(&app.config(), &app.deps(rules)).await.unwrap();
    order.set(parts.shutdown.clone()).unwrap();

    let reached = parts.intake.run().await.unwrap();
    let closing = parts.closer.close_due().await.unwrap();

    assert_eq!(reached, Reached::Stopped);
    assert_eq!(closing, (Vec::new(), NotYet::Stopped));
    let months = parts.store.months().await.unwrap();
    let read_so_far = months[0].lines[0].votes;
    assert!((1..BACKLOG).contains(&read_so_far), "{read_so_far}");
    app.run(Rules::default()).await;
    app.settle().await;
    assert_eq!(counted(&app).await, BACKLOG);
}

/// Two processes on one database share the work and do none of it twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tallies_on_one_database_count_once() {
    let mut app = App::start().await;
    for n in 0..60 {
        app.vote(n, &format!("github#user:u{}", n % 9), 1).await;
    }
    let other = tally::open(&app.config(), &app.deps(Rules::default()))
        .await
        .unwrap();
    let third = tally::open(&app.config(), &app.deps(Rules::default()))
        .await
        .unwrap();

    let read = async |intake: &tally::intake::Intake| {
        for _ in 0..20 {
            let _may_be_overtaken = intake.run().await;
        }
    };
    tokio::join!(read(&other.intake), read(&third.intake), app.settle());
    app.settle().await;

    assert_eq!(counted(&app).await, 60);
}
