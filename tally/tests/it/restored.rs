//! T19, the half that detects: a log or a database from a backup stops the reading, with an
//! instruction, and nothing is lost or counted again silently.

use reqwest::StatusCode;
use tally::{Rules, health::Stop, intake::IntakeError};

use crate::app::App;

/// Why reading ends.
async fn reading(app: &App) -> Result<(), IntakeError> {
    let parts = tally::open(&app.config(), &app.deps(Rules::default()))
        .await
        .unwrap();
    parts.intake.run().await.map(drop)
}

#[tokio::test]
async fn a_log_made_anew_is_not_read() {
    let mut app = App::start().await;
    app.vote(1, "example.com", 4).await;
    app.settle().await;
    assert_eq!(app.readyz().await.0, StatusCode::OK);
    app.stop().await;

    app.replace_log().await;
    app.vote(2, "example.com", 4).await;
    app.vote(3, "example.org", 4).await;
    app.run(Rules::default()).await;
    app.settle().await;

    let (status, failing) = app.readyz().await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(failing.contains("reading"), "{failing}");
    let months = app.json("/v1/months").await;
    assert_eq!(months["months"][0]["totals"][0]["votes"], 4);
    let stopped = reading(&app).await.unwrap_err();
    assert!(
        matches!(stopped, IntakeError::Stopped(Stop::OtherLog)),
        "{stopped}"
    );
    assert!(stopped.to_string().contains("Put the old log back"));
}

/// What the operator is told to do when the old log is lost.
#[tokio::test]
async fn a_log_that_is_lost_for_good_is_replaced_and_what_comes_again_counts_once() {
    let mut app = App::start().await;
    app.vote(1, "example.com", 4).await;
    app.settle().await;
    app.stop().await;
    let useless = crate::commands::run(&app, &["rewind"]);
    assert!(!useless.status.success());
    let told = crate::commands::text(&useless);
    assert!(told.contains("there is nothing to rewind"), "{told}");

    app.replace_log().await;
    app.vote(2, "example.org", 8).await;
    app.vote(1, "example.com", 4).await;
    let rewound = crate::commands::run(&app, &["rewind"]);
    let told = crate::commands::text(&rewound);
    assert!(rewound.status.success(), "{told}");
    assert!(
        told.contains("read up to 1; reading goes on at 0"),
        "{told}"
    );
    let renewed = crate::commands::run(&app, &["outbox", "new-generation"]);
    assert!(renewed.status.success());
    app.run(Rules::default()).await;
    app.settle().await;

    assert_eq!(app.readyz().await.0, StatusCode::OK);
    let months = app.json("/v1/months").await;
    assert_eq!(months["months"][0]["totals"][0]["votes"], 12);
}

/// The log of an earlier day is the same log, and shorter than what was read.
#[tokio::test]
async fn a_log_from_a_backup_stops_the_reading() {
    let mut app = App::start().await;
    app.vote(1, "example.com", 4).await;
    app.vote(2, "example.com", 4).await;
    app.settle().await;
    app.stop().await;

    let url = format!("sqlite:{}", app.path("log.db").display());
    let log = sqlx::SqlitePool::connect(&url).await.unwrap();
    for sql in [
        "DELETE FROM record WHERE topic = 'test.payment.vote' AND record_offset = 1",
        "UPDATE topic_partition SET end_offset = 1
         WHERE topic = 'test.payment.vote' AND end_offset = 2",
    ] {
        let changed = sqlx::query(sql).execute(&log).await.unwrap();
        assert_eq!(changed.rows_affected(), 1, "{sql}");
    }
    log.close().await;
    let stopped = reading(&app).await.unwrap_err();

    let IntakeError::Stopped(Stop::OutsideLog { position, end, .. }) = &stopped else {
        panic!("{stopped}");
    };
    assert_eq!((*position, *end), (2, 1));
    assert!(stopped.to_string().contains("restored from a backup"));
}

/// The tally's own database of an earlier day: it reads again what it had read, and comes to the same
/// count; but its signed heads are in the log already, and its outbox stops.
#[tokio::test]
async fn a_database_from_a_backup_is_noticed_and_counts_nothing_twice() {
    let mut app = App::start().await;
    app.vote(1, "example.com", 4).await;
    app.settle().await;
    app.stop().await;
    let files = ["tally.db", "tally.db-wal"];
    for name in files {
        let _may_be_absent = std::fs::copy(app.path(name), app.path(&format!("backup.{name}")));
    }
    app.run(Rules::default()).await;
    app.vote(2, "example.org", 4).await;
    app.until("2026-01-03T12:00:00Z").await;
    app.stop().await;

    for name in files.iter().chain(&["tally.db-shm"]) {
        let _may_be_absent = std::fs::remove_file(app.path(name));
        let backup = app.path(&format!("backup.{name}"));
        let _may_be_absent = std::fs::copy(backup, app.path(name));
    }
    app.run(Rules::default()).await;
    app.settle().await;

    let (status, failing) = app.readyz().await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(failing.contains("outbox"), "{failing}");
    let months = app.json("/v1/months").await;
    assert_eq!(months["months"][0]["totals"][0]["votes"], 8);

    let arguments = ["outbox", "new-generation"];
    let renewed = crate::commands::run(&app, &arguments);
    assert!(
        renewed.status.success(),
        "{}",
        crate::commands::text(&renewed)
    );
    app.settle().await;
    assert_eq!(app.readyz().await.0, StatusCode::OK);
}
