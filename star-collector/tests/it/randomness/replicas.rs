//! Replicas that share a store, each with a clock of its own.

use futures_util::future::join_all;
use messages::problem::Slug;
use reqwest::StatusCode;
use service_kit::tls;

use super::app::{App, Place, START, points, problem};

/// They agree on the public key, on the epoch, and on what points are evaluated to.
async fn agree(one: &App, other: &App) {
    let (info, of_other) = (one.info().await, other.info().await);
    assert_eq!(info.public_key, of_other.public_key);
    assert_eq!(info.current_epoch, of_other.current_epoch);
    assert_eq!(info.next_epoch_time, of_other.next_epoch_time);
    let points = points(3);
    let (evaluated, of_other) = (one.evaluated(&points).await, other.evaluated(&points).await);
    assert_eq!(evaluated.points, of_other.points);
    assert_eq!(evaluated.epoch, of_other.epoch);
}

#[tokio::test]
async fn two_replicas_agree_over_epochs_and_renewals() {
    let place = Place::new().await;
    let mut one = App::replica(&place, START).await;
    let mut other = App::replica(&place, START).await;
    agree(&one, &other).await;

    for hour in 1..=5 {
        // In turn, the one or the other is first.
        if hour % 2 == 0 {
            one.live_until_hour(hour).await;
            other.live_until_hour(hour).await;
        } else {
            other.live_until_hour(hour).await;
            one.live_until_hour(hour).await;
        }
        agree(&one, &other).await;
    }
}

#[tokio::test]
async fn replicas_that_start_on_an_empty_store_at_once_agree_on_one_key() {
    let place = Place::new().await;
    let mut apps: Vec<App> = (0..4)
        .map(|_| App::stopped(place.clone(), START, |_| {}))
        .collect();

    let started = join_all(apps.iter_mut().map(App::run)).await;

    assert!(started.iter().all(Result::is_ok), "{started:?}");
    for other in &apps[1..] {
        agree(&apps[0], other).await;
    }
}

#[tokio::test]
async fn replicas_that_meet_the_end_of_a_key_at_once_agree_on_the_next() {
    let place = Place::new().await;
    let mut apps = Vec::new();
    for _ in 0..3 {
        apps.push(App::replica(&place, START).await);
    }

    join_all(apps.iter_mut().map(|app| app.live_until_hour(4))).await;

    assert_eq!(apps[0].info().await.current_epoch, 3);
    for other in &apps[1..] {
        agree(&apps[0], other).await;
    }
}

/// Its own clock says that the epoch goes on. It has the key in memory, and its job has not run since.
#[tokio::test]
async fn t14_a_replica_whose_clock_lags_evaluates_no_epoch_that_another_has_punctured() {
    let place = Place::new().await;
    let lagging = App::replica(&place, START).await;
    let mut right = App::replica(&place, START).await;
    assert_eq!(lagging.evaluated(&points(1)).await.epoch, 3);

    right.live_until_hour(1).await;

    problem(lagging.evaluate(&points(1)).await, Slug::NotReady).await;
    problem(lagging.evaluate_in(3).await, Slug::NotReady).await;
    problem(lagging.get("/info").await, Slug::NotReady).await;
    assert_eq!(right.evaluated(&points(1)).await.epoch, 4);
    let probe = tls::probe_client(std::time::Duration::from_secs(5)).unwrap();
    let ready = async |app: &App| {
        let answer = probe.get(app.admin_address("/readyz")).send().await;
        answer.unwrap().status()
    };
    assert_eq!(ready(&lagging).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready(&right).await, StatusCode::OK);
}

/// As clocks do that are kept right.
#[tokio::test]
async fn a_clock_that_lags_by_less_than_a_minute_goes_along() {
    let place = Place::new().await;
    let mut lagging = App::replica(&place, START).await;
    let mut right = App::replica(&place, START).await;
    lagging.live_until("2026-01-01T10:59:30Z").await;
    assert_eq!(lagging.evaluated(&points(1)).await.epoch, 3);

    right.live_until_hour(1).await;

    agree(&right, &lagging).await;
    assert_eq!(lagging.info().await.current_epoch, 4);
    problem(lagging.evaluate_in(3).await, Slug::WrongEpoch).await;
    // And from there on as if nothing had been.
    lagging.live_until_hour(1).await;
    agree(&right, &lagging).await;
}

#[tokio::test]
async fn a_replica_that_lags_serves_again_when_its_clock_is_right() {
    let place = Place::new().await;
    let mut lagging = App::replica(&place, START).await;
    let mut right = App::replica(&place, START).await;
    right.live_until_hour(2).await;
    problem(lagging.evaluate(&points(1)).await, Slug::NotReady).await;

    lagging.live_until_hour(2).await;

    agree(&right, &lagging).await;
}

/// As after a renewal by another one: the number of the epoch alone would say that nothing changed.
#[tokio::test]
async fn a_replica_notices_that_another_has_renewed_the_key() {
    let place = Place::new().await;
    let mut one = App::replica(&place, START).await;
    let mut other = App::replica(&place, START).await;
    let before = one.info().await;

    other.live_until_hour(4).await;
    one.stop().await;
    one.wake_at("2026-01-01T14:00:10Z");
    one.run().await.unwrap();

    agree(&one, &other).await;
    assert_eq!(one.info().await.current_epoch, before.current_epoch);
    assert_ne!(one.info().await.public_key, before.public_key);
}
