mod troubles;

use sqlx::migrate::{Migration, MigrationType};

use super::*;
use crate::db::testing;

fn migrator() -> Migrator {
    let sql = sqlx::SqlSafeStr::into_sql_str("CREATE TABLE sums (units NUMERIC(38,0) NOT NULL)");
    let migration = Migration::new(1, "sums".into(), MigrationType::Simple, sql, false);
    Migrator::with_migrations(vec![migration])
}

async fn database() -> Postgres {
    testing::opened("main", "tally", &migrator()).await
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

    for _ in 0..2 * CONNECTIONS_MAX {
        let begun = tokio::time::timeout(Duration::from_secs(5), db.begin()).await;
        let mut tx = begun.expect("nobody has the lock").unwrap();
        sqlx::query("SELECT 1").execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    }
}
