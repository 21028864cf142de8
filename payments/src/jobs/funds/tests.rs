use std::{sync::atomic::Ordering, time::Duration};

use messages::FundingSource;
use service_kit::{
    lease::{Claim, Holder},
    outbox::{Outbox as _, Shuffle},
};
use sha2::{Digest as _, Sha256};

use super::*;
use crate::{
    domain::funds::signed_fits,
    jobs::testing::{Bench, ISSUER, at, clock, spec},
};

const CARD: &str = "brave.com?sku=anon-card-vote";

fn job(bench: &Bench, now: &str) -> FundsJob {
    FundsJob {
        keeper: Arc::clone(&bench.keeper) as Arc<dyn Issuers>,
        figures: Arc::clone(&bench.orders) as Arc<dyn Figures>,
        issuers: vec![
            spec(ISSUER, FundingSource::UserWallet, "0.25"),
            spec(CARD, FundingSource::AnonymousCard, "0.25"),
        ],
        environment: "test".to_owned(),
        topic: "test.payment.funds".to_owned(),
        clock: clock(now),
        signed_fits,
        health: FundsHealth::default(),
    }
}

async fn bench() -> Bench {
    let bench = Bench::new().await;
    *bench.keeper.issuers.lock().unwrap() = job(&bench, "2026-01-01T00:00:00Z").issuers;
    bench.keeper.signed.lock().unwrap().insert(ISSUER, 40);
    bench.sold(40).await;
    bench
}

/// The records that wait, by their day and source.
async fn records(bench: &Bench) -> Vec<Funds> {
    let outbox = bench.store.outbox();
    let claim = Claim::now(Holder::random(), Duration::from_millis(1));
    let lease = outbox.take_lease(claim).await.unwrap().unwrap();
    outbox
        .position_waiting(&lease, 100, Shuffle::Random)
        .await
        .unwrap();
    let rows = outbox
        .positioned(0, 100, "2026-03-01".parse().unwrap())
        .await
        .unwrap();
    let decode = |row: &service_kit::event_log::NewRecord| Funds::decode(&row.value).unwrap();
    let mut records: Vec<_> = rows.iter().map(decode).collect();
    records.sort_by_key(|record| (record.day.clone(), record.funding_source.clone()));
    records
}

#[tokio::test]
async fn each_source_and_value_gets_a_record_also_when_nothing_was_received() {
    let bench = bench().await;

    let next = job(&bench, "2026-02-01T00:30:00Z")
        .run_once()
        .await
        .unwrap();

    assert_eq!(next, Next::At(at("2026-02-02T00:30:00Z")));
    let [card, wallet] = records(&bench).await.try_into().unwrap();
    assert_eq!(
        (card.funding_source.as_str(), card.votes_sold_total),
        ("anonymous-card", 0)
    );
    assert!(card.received_total.is_zero());
    assert_eq!(wallet.day, "2026-01-31");
    assert_eq!(wallet.received_total.to_string(), "10");
    assert_eq!((wallet.votes_sold_total, wallet.restatement), (40, false));
    let [key] = wallet.keys.try_into().unwrap();
    assert_eq!((key.signed_total, key.redeemed_total), (40, 12));
    assert_eq!(
        (key.redeem_until.as_str(), key.revoked),
        ("2026-03-04T00:00:00Z", false)
    );
    assert_ne!(card.id, wallet.id);
}

/// With other bytes under it, a day that is reported again would be another record to every reader.
#[tokio::test]
async fn the_id_of_a_record_is_a_hash_over_these_bytes() {
    let bench = bench().await;

    job(&bench, "2026-02-01T00:30:00Z")
        .run_once()
        .await
        .unwrap();

    let [card, _] = records(&bench).await.try_into().unwrap();
    let environment = b"\0\0\0\x0abt/funds/1\0\0\0\x04test".as_slice();
    let line = b"\0\0\0\x0eanonymous-card\0\0\0\x040.25\0\0\0\x0a2026-01-31";
    let hash = Sha256::digest([environment, line].concat());
    assert_eq!(card.id, uuid_v8(hash.into()).to_string());
}

#[tokio::test]
async fn a_quiet_shop_gets_a_record_a_week_and_one_for_the_months_last_day() {
    let bench = bench().await;

    for day in 1..=28 {
        job(&bench, &format!("2026-01-{day:02}T00:30:00Z"))
            .run_once()
            .await
            .unwrap();
    }
    for now in [
        "2026-01-29",
        "2026-01-30",
        "2026-01-31",
        "2026-02-01",
        "2026-02-02",
    ] {
        job(&bench, &format!("{now}T00:30:00Z"))
            .run_once()
            .await
            .unwrap();
    }

    let mut days: Vec<_> = records(&bench)
        .await
        .into_iter()
        .map(|record| record.day)
        .collect();
    days.dedup();
    assert_eq!(
        days,
        [
            "2025-12-31",
            "2026-01-07",
            "2026-01-14",
            "2026-01-21",
            "2026-01-28",
            "2026-01-31"
        ]
    );
}

#[tokio::test]
async fn a_busy_shop_gets_a_record_a_day() {
    let bench = bench().await;
    let busy = at("2026-01-01T00:00:00Z").date_naive().iter_days().take(40);
    for day in busy {
        bench.paid(day, 20).await;
    }

    for day in 10..=12 {
        job(&bench, &format!("2026-01-{day}T00:30:00Z"))
            .run_once()
            .await
            .unwrap();
    }

    assert_eq!(records(&bench).await.len(), 3 * 2);
}

#[tokio::test]
async fn a_record_is_made_later_when_challenge_bypass_was_down_and_never_twice() {
    let bench = bench().await;
    bench.keeper.down.store(true, Ordering::SeqCst);
    job(&bench, "2026-02-01T00:30:00Z")
        .run_once()
        .await
        .unwrap_err();
    assert_eq!(bench.waiting().await, 0);
    bench.keeper.down.store(false, Ordering::SeqCst);

    for _ in 0..2 {
        job(&bench, "2026-02-01T07:00:00Z")
            .run_once()
            .await
            .unwrap();
    }

    assert_eq!(records(&bench).await.len(), 2);
}

#[tokio::test]
async fn when_more_was_signed_than_sold_no_record_is_made_and_the_service_is_not_ready() {
    let bench = bench().await;
    let sells = job(&bench, "2026-02-01T00:30:00Z");
    sells.run_once().await.unwrap();
    assert!(sells.health.check().is_ok());
    bench.sold(36).await;

    // Whether a record is due or not.
    for now in ["2026-02-01T00:31:00Z", "2026-03-01T00:30:00Z"] {
        let job = job(&bench, now);
        let error = job.run_once().await.unwrap_err().to_string();
        assert!(
            error.contains("40 tokens of user-wallet at 0.25 were signed, and only 36 were sold"),
            "{error}"
        );
        assert!(error.contains("restore the latest state"), "{error}");
        assert_eq!(job.health.check().unwrap_err().to_string(), error);
    }
    assert_eq!(records(&bench).await.len(), 2, "those of January");

    bench.sold(40).await;
    let mended = job(&bench, "2026-03-01T00:30:00Z");
    mended.run_once().await.unwrap();
    assert!(mended.health.check().is_ok());
}

#[tokio::test]
async fn a_job_that_does_not_compare_reports_what_cannot_be() {
    let bench = bench().await;
    bench.sold(36).await;
    let careless = FundsJob {
        signed_fits: |_, _| true,
        ..job(&bench, "2026-02-01T00:30:00Z")
    };

    careless.run_once().await.unwrap();

    let [_, wallet] = records(&bench).await.try_into().unwrap();
    assert_eq!(
        (wallet.votes_sold_total, wallet.keys[0].signed_total),
        (36, 40)
    );
}
