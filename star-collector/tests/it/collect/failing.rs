//! When the log fails, is slow, or the service stops meanwhile: who was answered 204 has its message there, and who was
//! not may send it again.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures_util::{future::join_all, join};
use messages::problem::Slug;
use reqwest::StatusCode;
use service_kit::fault::{Crashed, FaultPoints};
use sqlx::{Connection as _, SqliteConnection};

use super::app::{App, problem, sorted, taken};

/// Long enough for a request to be waiting.
const A_MOMENT: Duration = Duration::from_millis(200);

/// Fails once, at a point.
fn once(at: &'static str) -> FaultPoints {
    let has_failed = AtomicBool::new(false);
    FaultPoints::planned(move |name| {
        if name == at && !has_failed.swap(true, Ordering::Relaxed) {
            return Err(Crashed(name));
        }
        Ok(())
    })
}

#[tokio::test]
async fn a_message_that_could_not_be_appended_is_refused_and_taken_when_it_comes_again() {
    let mut app = App::failing(&[], once("star-collect-batch")).await;
    let message = app.message();

    problem(app.send(&message).await, Slug::NotReady).await;
    assert_eq!(app.values().await.len(), 0);
    taken(app.send(&message).await).await;

    assert_eq!(app.values().await, [message]);
}

#[tokio::test]
async fn an_outcome_that_is_not_known_is_no_204() {
    let mut app = App::failing(&[], once("star-collect-appended")).await;
    let message = app.message();

    problem(app.send(&message).await, Slug::NotReady).await;
    taken(app.send(&message).await).await;

    // That it counts once is the aggregator's part.
    assert_eq!(app.values().await, [message.clone(), message]);
}

#[tokio::test]
async fn when_too_many_wait_the_next_is_refused_at_once() {
    let mut app = App::with(&[("limits.waiting_messages_max", "1")]).await;
    let [first, second, third] = [app.message(), app.message(), app.message()];
    let held = app.hold_log().await;

    let (one, two, ()) = join!(
        app.send(&first),
        async {
            tokio::time::sleep(A_MOMENT).await;
            app.send(&second).await
        },
        async {
            tokio::time::sleep(2 * A_MOMENT).await;
            let refused = app.send(&third).await;
            assert_eq!(refused.headers()["retry-after"], "1");
            problem(refused, Slug::Overloaded).await;
            held.release().await;
        }
    );

    taken(one).await;
    taken(two).await;
    assert_eq!(app.values().await, sorted([first, second]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_while_requests_wait_answers_them_and_loses_nothing() {
    let mut app = App::with(&[("limits.batch_messages_max", "4")]).await;
    let messages: Vec<_> = (0..30).map(|_| app.message()).collect();
    let running = app.running.take().unwrap();
    let held = app.hold_log().await;

    let (answers, stopped, ()) = join!(
        join_all(messages.iter().map(|message| app.send(message))),
        async {
            tokio::time::sleep(A_MOMENT).await;
            running.stop().await
        },
        async {
            tokio::time::sleep(5 * A_MOMENT).await;
            held.release().await;
        }
    );

    stopped.unwrap();
    let statuses = answers.iter().map(reqwest::Response::status);
    assert!(
        statuses
            .into_iter()
            .all(|status| status == StatusCode::NO_CONTENT)
    );
    assert_eq!(app.values().await, sorted(messages));
}

#[tokio::test]
async fn it_is_ready_as_long_as_it_may_append_to_its_topics() {
    let app = App::start().await;
    assert_eq!(app.admin("/readyz").await.0, StatusCode::OK);

    let url = format!("sqlite:{}", app.path("log.db").display());
    let mut log = SqliteConnection::connect(&url).await.unwrap();
    for lost in [
        "DELETE FROM topic_partition WHERE topic = 'p3a-star-enc'",
        "DELETE FROM topic WHERE name = 'p3a-star-enc'",
    ] {
        sqlx::query(lost).execute(&mut log).await.unwrap();
    }

    let (status, why) = app.admin("/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(why.contains("p3a-star-enc"), "{why}");
}
