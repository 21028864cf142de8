//! Epochs end, and what is over is punctured (threat T14).

use messages::problem::Slug;
use star_collector::randomness::{
    domain::{self, EpochKey, Points, Position, StoredState},
    rewrap, store,
};

use super::app::{App, Place, START, points, problem};

/// What is stored of the default instance.
pub(crate) async fn stored(app: &App) -> StoredState {
    let store = store::open(&app.place.keys.url()).await.unwrap();
    let state = store.state(&"main".parse().unwrap()).await.unwrap();
    store.close().await;
    state.unwrap()
}

async fn opened(app: &App) -> EpochKey {
    let sealer = rewrap::sealer(&app.config().keys).unwrap();
    domain::open(&sealer, &stored(app).await).unwrap()
}

/// The epochs that can be evaluated with a key.
fn evaluable(key: &EpochKey) -> Vec<u8> {
    let points = Points::new(points(1), 1).unwrap().check().unwrap();
    let works = |epoch: &u8| key.evaluate(&points, *epoch).is_ok();
    (0..=255).filter(works).collect()
}

#[tokio::test]
async fn t14_an_epoch_that_is_over_is_not_evaluated() {
    let mut app = App::start().await;
    let points = points(2);
    let first = app.evaluated(&points).await;
    assert_eq!(app.evaluated(&points).await.points, first.points);

    app.live_until("2026-01-01T10:59:59Z").await;
    assert_eq!(app.evaluated(&points).await.points, first.points);
    app.live_until("2026-01-01T11:00:00Z").await;

    problem(app.evaluate_in(3).await, Slug::WrongEpoch).await;
    let second = app.evaluated(&points).await;
    assert_eq!((first.epoch, second.epoch), (3, 4));
    assert_ne!(first.points, second.points);
    assert_eq!(evaluable(&opened(&app).await), [4, 5, 6]);
}

/// What refuses is the state that lost the epoch, and not the number in the request.
#[tokio::test]
async fn t14_control_with_the_older_state_put_back_an_epoch_that_is_over_is_evaluated() {
    let mut app = App::start().await;
    let points = points(2);
    let first = app.evaluated(&points).await;
    let older = stored(&app).await;
    app.live_until_hour(1).await;
    problem(app.evaluate_in(3).await, Slug::WrongEpoch).await;
    app.stop().await;

    let keys = &app.place.keys;
    keys.run("DELETE FROM epoch_keys").await.unwrap();
    let store = store::open(&keys.url()).await.unwrap();
    assert!(store.create(&older).await.unwrap());
    store.close().await;
    app.wake_at(START);
    app.run().await.unwrap();

    assert_eq!(app.evaluated(&points).await.points, first.points);
}

/// Nobody asked: the job does it. Otherwise what is over could be evaluated by whoever steals the state until somebody
/// comes.
#[tokio::test]
async fn t14_what_is_over_is_punctured_when_it_ends_though_nobody_asks() {
    let mut app = App::start().await;
    let before = stored(&app).await;
    assert_eq!(evaluable(&opened(&app).await), [3, 4, 5, 6]);

    app.live_until_hour(2).await;

    let after = stored(&app).await;
    assert_eq!(after.facts.position, Position(2));
    assert_eq!(evaluable(&opened(&app).await), [5, 6]);
    assert_ne!(before.facts.id, after.facts.id);
    assert_ne!(before.data_key, after.data_key);
    assert_ne!(before.state, after.state);
}

#[tokio::test]
async fn a_restart_changes_nothing() {
    let mut app = App::start().await;
    app.live_until_hour(1).await;
    let points = points(2);
    let (info, evaluated) = (app.info().await, app.evaluated(&points).await);
    let before = stored(&app).await;

    app.stop().await;
    app.run().await.unwrap();

    assert_eq!(stored(&app).await, before);
    assert_eq!(app.info().await.public_key, info.public_key);
    assert_eq!(app.evaluated(&points).await.points, evaluated.points);
    problem(app.evaluate_in(3).await, Slug::WrongEpoch).await;
}

#[tokio::test]
async fn t14_what_passed_while_the_service_was_down_is_punctured_before_it_serves() {
    let mut app = App::start().await;
    let (public_key, first) = (app.info().await.public_key, app.evaluated(&points(1)).await);
    app.stop().await;

    app.wake_at("2026-01-01T13:15:00Z");
    app.run().await.unwrap();

    // Nobody has asked for anything yet.
    assert_eq!(evaluable(&opened(&app).await), [6]);
    let info = app.info().await;
    assert_eq!((info.current_epoch, info.public_key), (6, public_key));
    for epoch in 3..6 {
        problem(app.evaluate_in(epoch).await, Slug::WrongEpoch).await;
    }
    assert_ne!(app.evaluated(&points(1)).await.points, first.points);
}

#[tokio::test]
async fn the_first_key_begins_in_the_epoch_that_the_calendar_shows() {
    let mut app = App::stopped(Place::new().await, "2026-01-01T12:00:00Z", |_| {});
    app.run().await.unwrap();

    assert_eq!(app.info().await.current_epoch, 5);
    assert_eq!(evaluable(&opened(&app).await), [5, 6]);
}

#[tokio::test]
async fn after_the_last_epoch_the_key_is_renewed() {
    let mut app = App::start().await;
    let points = points(2);
    let (old, first) = (app.info().await, app.evaluated(&points).await);
    app.live_until_hour(3).await;
    assert_eq!(app.info().await.current_epoch, 6);
    assert_eq!(app.info().await.public_key, old.public_key);

    app.live_until_hour(4).await;

    let new = app.info().await;
    assert_eq!((new.current_epoch, first.epoch), (3, 3));
    assert_ne!(new.public_key, old.public_key);
    assert_ne!(app.evaluated(&points).await.points, first.points);
    assert_eq!(evaluable(&opened(&app).await), [3, 4, 5, 6]);
    // And once more, with whole cycles in between.
    app.stop().await;
    app.wake_at("2026-01-03T11:20:00Z");
    app.run().await.unwrap();
    assert_eq!(app.info().await.current_epoch, 4);
    assert_ne!(app.info().await.public_key, new.public_key);
    assert_eq!(evaluable(&opened(&app).await), [4, 5, 6]);
}

/// All 256 numbers, of which the last is followed by the first: a byte wraps, a key does not.
#[tokio::test]
async fn a_key_is_renewed_where_the_number_wraps() {
    let change = |config: &mut star_collector::randomness::Config| {
        (config.first_epoch, config.last_epoch) = (0, 255);
        config.epoch_duration = "1m,1d".to_owned();
    };
    let mut app = App::stopped(Place::new().await, "2026-01-01T14:15:00Z", change);
    app.run().await.unwrap();
    let old = app.info().await;
    assert_eq!(old.current_epoch, 255);

    app.live_until("2026-01-01T14:16:00Z").await;

    let new = app.info().await;
    assert_eq!(new.current_epoch, 0);
    assert_ne!(new.public_key, old.public_key);
    assert_eq!(evaluable(&opened(&app).await).len(), 256);
}

#[tokio::test]
async fn before_the_base_time_the_service_does_not_start() {
    let mut app = App::stopped(Place::new().await, "2026-01-01T09:59:59Z", |_| {});

    let error = format!("{:#}", app.run().await.unwrap_err());

    assert!(error.contains("epoch_base_time"), "{error}");
}

/// The numbers of punctured epochs would mean others.
#[tokio::test]
async fn with_another_schedule_the_service_does_not_start_and_changes_nothing() {
    let place = Place::new().await;
    let app = App::replica(&place, START).await;
    let before = stored(&app).await;
    let changes: [fn(&mut star_collector::randomness::Config); 4] = [
        |config| config.epoch_duration = "2h,1d".to_owned(),
        |config| config.first_epoch = 2,
        |config| config.last_epoch = 7,
        |config| config.epoch_base_time += chrono::TimeDelta::hours(1),
    ];

    for change in changes {
        let mut other = App::stopped(place.clone(), "2026-01-01T12:00:00Z", change);
        let error = format!("{:#}", other.run().await.unwrap_err());
        assert!(error.contains("of the schedule"), "{error}");
    }

    assert_eq!(stored(&app).await, before);
}

/// Also where somebody would have the service go back.
#[tokio::test]
async fn t14_the_database_itself_does_not_go_back() {
    let mut app = App::start().await;
    app.live_until_hour(1).await;

    let back = app.place.keys.run("UPDATE epoch_keys SET position = 0");

    let refused = back.await.unwrap_err().to_string();
    assert!(refused.contains("never goes back"), "{refused}");
    assert_eq!(stored(&app).await.facts.position, Position(1));
}
