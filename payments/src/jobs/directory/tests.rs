mod keys;

use std::sync::atomic::Ordering;

use ed25519_dalek::SigningKey;
use messages::{
    FundingSource,
    directory::{Entry, Event},
};
use service_kit::event_log::NewRecord;

use super::*;
use crate::{
    domain::directory::tests::entries as chain,
    jobs::testing::{Bench, HEADS, ISSUER, at, clock, spec},
    store::publications::contract::entries,
};

fn job(bench: &Bench, now: &str) -> DirectoryJob {
    DirectoryJob {
        keeper: Arc::clone(&bench.keeper) as Arc<dyn Issuers>,
        store: Arc::clone(&bench.store) as Arc<dyn Publications>,
        published: Arc::new(PublishedDirectory::new(
            Directory::default(),
            TimeDelta::zero(),
        )),
        issuers: vec![spec(ISSUER, FundingSource::UserWallet, "0.25")],
        keys: DirectoryKeys::new(SigningKey::from_bytes(&[9; 32]), None),
        log: Arc::clone(&bench.log),
        topic: HEADS.to_owned(),
        health: DirectoryHealth::default(),
        poll: TimeDelta::minutes(5),
        clock: clock(now),
    }
}

fn heads(job: &DirectoryJob) -> Vec<(String, u64)> {
    let published = job.published.current();
    let heads = published.directory.heads.iter();
    heads
        .map(|head| (head.day.to_string(), head.size))
        .collect()
}

#[tokio::test]
async fn the_first_head_is_signed_at_once_and_the_next_after_midnight() {
    let bench = Bench::new().await;
    *bench.keeper.entries.lock().unwrap() = entries(1);

    let first = job(&bench, "2026-01-01T14:00:00Z");
    assert_eq!(
        first.run_once().await.unwrap(),
        Next::At(at("2026-01-01T14:05:00Z"))
    );
    assert_eq!(heads(&first), [("2026-01-01".to_owned(), 1)]);
    *bench.keeper.entries.lock().unwrap() = entries(3);
    let second = job(&bench, "2026-01-02T00:05:00Z");
    assert_eq!(
        second.run_once().await.unwrap(),
        Next::At(at("2026-01-02T00:10:00Z"))
    );

    assert_eq!(
        heads(&second),
        [("2026-01-01".to_owned(), 1), ("2026-01-02".to_owned(), 3)]
    );
    let published = second.published.current();
    let key = SigningKey::from_bytes(&[9; 32]).verifying_key();
    assert!(
        published
            .directory
            .heads
            .iter()
            .all(|head| head.is_signed_by(&key))
    );
    assert_eq!(bench.waiting().await, 2);
}

#[tokio::test]
async fn what_one_process_has_signed_every_process_serves_at_once() {
    let bench = Bench::new().await;
    *bench.keeper.entries.lock().unwrap() = entries(1);
    let [one, other] = ["2026-01-01T14:00:00Z"; 2].map(|now| job(&bench, now));

    one.run_once().await.unwrap();

    let served = other.published.stored(&*other.store).await.unwrap();
    assert_eq!(served.directory.heads.len(), 1);
    assert_eq!(served.body, one.published.current().body);
    assert!(!other.published.was_fetched());
}

#[tokio::test]
async fn a_day_has_one_head_however_often_the_service_starts() {
    let bench = Bench::new().await;
    *bench.keeper.entries.lock().unwrap() = entries(1);
    job(&bench, "2026-01-01T14:00:00Z")
        .run_once()
        .await
        .unwrap();
    *bench.keeper.entries.lock().unwrap() = entries(2);

    let again = job(&bench, "2026-01-01T15:00:00Z");
    again.run_once().await.unwrap();
    let before_its_hour = job(&bench, "2026-01-02T00:04:00Z");
    assert_eq!(
        before_its_hour.run_once().await.unwrap(),
        Next::At(at("2026-01-02T00:05:00Z"))
    );

    for job in [again, before_its_hour] {
        assert_eq!(heads(&job), [("2026-01-01".to_owned(), 1)]);
    }
}

#[tokio::test]
async fn a_revoked_key_sells_no_more_from_the_next_fetch_on_and_the_head_waits_for_its_day() {
    let bench = Bench::new().await;
    let all = chain(&[(1, Event::Added), (1, Event::Revoked)]);
    *bench.keeper.entries.lock().unwrap() = all[..1].to_vec();
    let sells = |job: &DirectoryJob| {
        let now = job.clock.now();
        job.published.sellable_key(ISSUER, now).is_some()
    };
    let before = job(&bench, "2026-01-03T14:00:00Z");
    before.run_once().await.unwrap();
    assert!(sells(&before));
    *bench.keeper.entries.lock().unwrap() = all;

    let after = job(&bench, "2026-01-03T14:05:00Z");
    after.run_once().await.unwrap();

    assert!(!sells(&after));
    assert_eq!(heads(&after), [("2026-01-03".to_owned(), 1)]);
    assert_eq!(after.published.current().directory.entries.len(), 2);
    let next_day = job(&bench, "2026-01-04T00:05:00Z");
    next_day.run_once().await.unwrap();
    assert_eq!(
        heads(&next_day),
        [("2026-01-03".to_owned(), 1), ("2026-01-04".to_owned(), 2)]
    );
}

#[tokio::test]
async fn the_next_fetch_is_never_later_than_the_next_head() {
    let bench = Bench::new().await;
    *bench.keeper.entries.lock().unwrap() = entries(1);

    let late = job(&bench, "2026-01-01T23:59:00Z");
    late.run_once().await.unwrap();
    let minutes = job(&bench, "2026-01-02T00:04:00Z");

    assert_eq!(
        minutes.run_once().await.unwrap(),
        Next::At(at("2026-01-02T00:05:00Z"))
    );
}

#[tokio::test]
async fn the_first_head_waits_for_the_issuers_first_keys() {
    let bench = Bench::new().await;

    let early = job(&bench, "2026-01-01T14:00:00Z");

    assert_eq!(
        early.run_once().await.unwrap(),
        Next::After(FIRST_KEYS_PAUSE)
    );
    assert_eq!(heads(&early), []);
}

#[tokio::test]
async fn a_directory_that_was_changed_cut_or_broken_is_not_signed() {
    let bench = Bench::new().await;
    *bench.keeper.entries.lock().unwrap() = entries(2);
    job(&bench, "2026-01-01T14:00:00Z")
        .run_once()
        .await
        .unwrap();
    let changed = chain(&[(7, Event::Added), (1, Event::Added), (2, Event::Added)]);
    let mut broken = entries(3);
    broken[2] = broken[2].clone().after(None);

    for entries in [changed, entries(1), broken] {
        *bench.keeper.entries.lock().unwrap() = entries;
        let next_day = job(&bench, "2026-01-02T00:05:00Z");
        next_day.run_once().await.unwrap_err();
        assert_eq!(bench.store.directory().await.unwrap().heads.len(), 1);
    }
    assert_eq!(bench.waiting().await, 1);
}

#[tokio::test]
async fn a_head_is_signed_late_when_challenge_bypass_was_down_at_midnight() {
    let bench = Bench::new().await;
    *bench.keeper.entries.lock().unwrap() = entries(1);
    job(&bench, "2026-01-01T14:00:00Z")
        .run_once()
        .await
        .unwrap();
    bench.keeper.down.store(true, Ordering::SeqCst);
    job(&bench, "2026-01-02T00:05:00Z")
        .run_once()
        .await
        .unwrap_err();
    bench.keeper.down.store(false, Ordering::SeqCst);

    let later = job(&bench, "2026-01-02T09:00:00Z");
    later.run_once().await.unwrap();

    assert_eq!(
        heads(&later),
        [("2026-01-01".to_owned(), 1), ("2026-01-02".to_owned(), 1)]
    );
}

#[tokio::test]
async fn debug_shows_no_key() {
    let bench = Bench::new().await;

    let shown = format!("{:?}", job(&bench, "2026-01-01T14:00:00Z"));

    assert_eq!(
        shown,
        r#"DirectoryJob { topic: "test.payment.directory", .. }"#
    );
}

/// Puts a head on the topic, as the relay does.
async fn publish(bench: &Bench, head: &Head) {
    let record = NewRecord {
        headers: Vec::new(),
        topic: HEADS.to_owned(),
        key: heads::RECORD_KEY.to_vec(),
        value: DirectoryHead::from(head).encode(),
        timestamp: at("2026-01-01T00:00:00Z"),
    };
    let mut appender = bench.log.appender().await.unwrap();
    appender.append(&[record]).await.unwrap();
}

fn head_of(day: &str, entries: &[Entry], key: u8) -> Head {
    let key = SigningKey::from_bytes(&[key; 32]);
    Head::sign(day.parse().unwrap(), entries, &key)
}

#[tokio::test]
async fn a_database_from_a_backup_gets_its_published_heads_back_and_signs_none_of_them_again() {
    let bench = Bench::new().await;
    let two = entries(2);
    publish(&bench, &head_of("2026-01-01", &two[..1], 9)).await;
    publish(&bench, &head_of("2026-01-02", &two[..1], 9)).await;
    *bench.keeper.entries.lock().unwrap() = two;

    let restored = job(&bench, "2026-01-02T09:00:00Z");
    restored.run_once().await.unwrap();

    assert_eq!(
        heads(&restored),
        [("2026-01-01".to_owned(), 1), ("2026-01-02".to_owned(), 1)]
    );
    assert_eq!(bench.waiting().await, 0);
    assert!(restored.health.check().is_ok());
}

#[tokio::test]
async fn what_somebody_else_signed_on_the_topic_stops_nobody() {
    let bench = Bench::new().await;
    publish(&bench, &head_of("2026-01-01", &entries(2), 8)).await;
    *bench.keeper.entries.lock().unwrap() = entries(1);

    let first = job(&bench, "2026-01-01T09:00:00Z");
    first.run_once().await.unwrap();

    assert_eq!(heads(&first), [("2026-01-01".to_owned(), 1)]);
}

#[tokio::test]
async fn no_head_is_signed_beside_one_that_was_published_over_other_entries() {
    let other = chain(&[(7, Event::Added)]);
    for published in [
        head_of("2026-01-01", &other, 9),
        head_of("2026-01-01", &entries(2), 9),
        head_of("2026-01-03", &entries(2), 9),
    ] {
        let bench = Bench::new().await;
        publish(&bench, &published).await;
        *bench.keeper.entries.lock().unwrap() = entries(1);

        let set_back = job(&bench, "2026-01-02T09:00:00Z");
        set_back.run_once().await.unwrap_err();

        assert_eq!(heads(&set_back), []);
        assert_eq!(bench.waiting().await, 0);
        let told = set_back.health.check().unwrap_err().to_string();
        assert!(told.contains("Put the latest state"), "{told}");
    }
}
