//! On the routes of votes and credentials no request has a log line (contracts §1), also when something is wrong.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex},
};

use service_kit::telemetry::testing::listen;
use sqlx::Connection as _;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

use crate::{
    house::{House, WALLET, vote},
    shop::Shop,
};

/// The messages of a log, down to the level that runs in production.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// What was logged since the last time.
    fn lines(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn new_span(&self, _span: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _span: &span::Id, _values: &span::Record<'_>) {}

    fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = event.metadata().target().to_owned();
        event.record(&mut Fields(&mut line));
        self.0.lock().unwrap().push(line);
    }

    fn enter(&self, _span: &span::Id) {}

    fn exit(&self, _span: &span::Id) {}
}

/// Adds the fields of an event to its line.
struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

/// Gives a table of a database another name, which breaks the queries that need it.
async fn rename(house: &House, file: &str, from: &str, to: &str) {
    let url = format!("sqlite:{}", house.layout.file(file).display());
    let mut database = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let query = format!("ALTER TABLE {from} RENAME TO {to}");
    sqlx::query(sqlx::AssertSqlSafe(query))
        .execute(&mut database)
        .await
        .unwrap();
    database.close().await.unwrap();
}

// On one thread, so that the log of this test is everybody's log.
#[tokio::test(flavor = "current_thread")]
async fn a_database_of_orders_that_fails_is_logged_once_however_many_submit_tokens() {
    let log = Log::default();
    let _quiet_again = listen(log.clone());
    let shop = Shop::open().await;
    assert!(!log.lines().is_empty(), "the log does not work");
    let bought = shop.wallet(4).await;
    shop.pay("uphold", &bought).await;
    let (_, points) = Shop::points(&bought);
    let item = format!("/credentials/{}", bought.order.items[0].id);
    log.lines();

    rename(&shop.house, "payments-orders.db", "credentials", "away").await;
    for _ in 0..5 {
        assert_eq!(shop.submit(&bought, &points).await.refusal(), "not-ready");
        for path in ["/credentials", &item] {
            assert_eq!(shop.get(&bought, path).await.refusal(), "not-ready");
        }
    }
    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(lines[0].contains("credentials-not-stored"), "{lines:?}");

    rename(&shop.house, "payments-orders.db", "away", "credentials").await;
    for _ in 0..5 {
        assert_eq!(shop.submit(&bought, &points).await.status, 200);
        assert_eq!(shop.get(&bought, &item).await.status, 200);
    }
    // That all is well again is told after a quarter of an hour in which it was.
    assert_eq!(log.lines(), Vec::<String>::new());
}

#[tokio::test(flavor = "current_thread")]
async fn a_database_of_votes_that_fails_is_logged_once_however_many_vote() {
    let log = Log::default();
    let _quiet_again = listen(log.clone());
    let house = House::start().await;
    let tokens = house.tokens(WALLET, 6).await;
    assert!(!log.lines().is_empty(), "the log does not work");

    rename(&house, "payments-votes.db", "vote", "away").await;
    for token in &tokens[..5] {
        let cast = vote("example.com", std::slice::from_ref(token));
        assert!(house.post("/v1/votes", &cast).await.status >= 500);
    }
    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{lines:#?}");

    rename(&house, "payments-votes.db", "away", "vote").await;
    let cast = vote("example.com", &tokens[5..]);
    assert_eq!(house.post("/v1/votes", &cast).await.status, 200);
    assert_eq!(log.lines(), Vec::<String>::new());
}
