#![expect(clippy::disallowed_methods, reason = "the test waits for its tasks")]

use std::{fs, time::Instant};

use futures_util::FutureExt as _;
use sqlx::migrate::{Migration, MigrationType};

use super::*;
use crate::{db::testing, engines};

async fn database() -> Postgres {
    testing::opened("main", "tally", &migrator()).await
}

fn migrator() -> Migrator {
    let sql = sqlx::SqlSafeStr::into_sql_str("CREATE TABLE sums (units NUMERIC(38,0) NOT NULL)");
    let migration = Migration::new(1, "sums".into(), MigrationType::Simple, sql, false);
    Migrator::with_migrations(vec![migration])
}

#[tokio::test]
async fn numbers_of_base_units_are_exact_up_to_what_the_column_holds() {
    let db = database().await;
    let most = 10_i128.pow(38) - 1;
    let exact = [
        0,
        1,
        -1,
        10_000,
        10_i128.pow(18),
        123_456_789 * 10_i128.pow(20),
        most - 1,
        most,
        -most,
    ];

    for units in exact {
        let mut tx = db.begin().await.unwrap();
        let row = sqlx::query(
            "INSERT INTO sums (units) VALUES ($1) RETURNING units, units::TEXT AS text",
        )
        .bind(stored_units(units))
        .fetch_one(&mut *tx)
        .await
        .unwrap();

        assert_eq!(super::units(&row, "units").unwrap(), units);
        assert_eq!(row.get::<String, _>("text"), units.to_string());
    }
}

#[tokio::test]
async fn the_column_refuses_more_digits_than_it_has() {
    let db = database().await;

    for units in [10_i128.pow(38), i128::MAX, i128::MIN] {
        let mut tx = db.begin().await.unwrap();
        let insert = sqlx::query("INSERT INTO sums (units) VALUES ($1)").bind(stored_units(units));
        assert!(insert.execute(&mut *tx).await.is_err(), "{units}");
    }
}

#[tokio::test]
async fn whoever_gives_up_waiting_to_write_leaves_no_transaction_behind() {
    let db = database().await;
    let held = db.begin().await.unwrap();
    for _ in 0..3 {
        let waited = tokio::time::timeout(Duration::from_millis(200), db.begin()).await;
        assert!(waited.is_err(), "the lock is held");
    }
    held.rollback().await.unwrap();

    for _ in 0..2 * WRITERS_MAX {
        let begun = tokio::time::timeout(Duration::from_secs(5), db.begin()).await;
        let mut tx = begun.expect("nobody has the lock").unwrap();
        sqlx::query("SELECT 1").execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn whoever_gives_up_a_read_leaves_no_old_state_behind() {
    let db = database().await;
    let sum = "SELECT count(*) FROM sums";

    for written in 1..=20_i64 {
        for _ in 0..READERS_MAX {
            assert!(db.begin_read().now_or_never().is_none(), "it gives up");
        }
        let mut tx = db.begin().await.unwrap();
        let insert = sqlx::query("INSERT INTO sums (units) VALUES (1)");
        insert.execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();

        for _ in 0..2 * READERS_MAX {
            let read = sqlx::query_scalar::<_, i64>(sum).fetch_one(db.readers());
            assert_eq!(read.await.unwrap(), written);
        }
    }
}

#[tokio::test]
async fn those_who_wait_to_write_keep_nobody_from_reading() {
    let db = database().await;
    let held = db.begin().await.unwrap();
    let waiting: Vec<_> = (0..3 * (WRITERS_MAX + READERS_MAX))
        .map(|_| {
            let db = db.clone();
            tokio::spawn(async move { db.begin().await?.rollback().await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;

    let begun = Instant::now();
    for _ in 0..2 * READERS_MAX {
        sqlx::query("SELECT 1").execute(db.readers()).await.unwrap();
        db.begin_read().await.unwrap().rollback().await.unwrap();
    }
    assert!(begun.elapsed() < Duration::from_secs(3));

    held.rollback().await.unwrap();
    for waited in waiting {
        waited.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_writer_that_waited_too_long_leaves_its_connection_to_the_next() {
    // In a database of its own: those of other tests would wait too long for the lock as well.
    let db = testing::opened("registry", "challenge_bypass", &migrator()).await;
    let held = db.begin().await.unwrap();
    assert!(
        db.begin().await.is_err(),
        "the wait for the lock has a bound"
    );
    held.rollback().await.unwrap();

    for _ in 0..2 * WRITERS_MAX {
        let mut tx = db.begin().await.unwrap();
        sqlx::query("SELECT 1").execute(&mut *tx).await.unwrap();
    }
}

#[tokio::test]
async fn a_reading_connection_refuses_to_write() {
    let db = database().await;

    let insert = sqlx::query("INSERT INTO sums (units) VALUES (1)");
    assert!(insert.execute(db.readers()).await.is_err());
}

#[tokio::test]
async fn use_leaves_no_line_with_its_time_in_the_servers_log() {
    let log = engines::folder().join("main/server.log");
    let warnings = || {
        let text = fs::read_to_string(&log).unwrap();
        text.matches("transaction in progress").count()
    };
    let before = warnings();
    let db = database().await;

    sqlx::query("SELECT 1").execute(db.readers()).await.unwrap();
    db.begin_read().await.unwrap().commit().await.unwrap();
    drop(db.begin().await.unwrap());
    db.begin().await.unwrap().commit().await.unwrap();
    db.close().await;

    assert_eq!(warnings(), before);
}
