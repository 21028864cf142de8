//! What only PostgreSQL can get wrong.

use service_kit::{db::testing, lease, outbox::postgres::TABLES};
use sqlx::{AssertSqlSafe, Row as _};

use super::{super::POSTGRES, PostgresVotes};
use crate::{
    store::votes::{Store as _, contract},
    votes::VoteRules,
};

/// A store in a schema of its own, which stays.
pub(super) async fn store() -> ((), PostgresVotes) {
    let url = testing::fresh("votes", "payments_votes", &POSTGRES).await;
    let store = PostgresVotes::open(&url, "test.payment.vote".to_owned(), VoteRules::default());
    ((), store.await.unwrap())
}

#[tokio::test]
async fn no_column_is_a_time_or_a_serial_number() {
    let ((), store) = store().await;

    let rows = sqlx::query(
        "SELECT relname || '.' || attname, format_type(atttypid, NULL), atthasdef
         FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
         WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace AND attnum > 0
           AND relname <> '_sqlx_migrations'",
    )
    .fetch_all(store.db().readers())
    .await
    .unwrap();

    assert!(rows.len() > 10);
    for row in &rows {
        let (name, kind): (String, String) = (row.get(0), row.get(1));
        let plain = ["bigint", "bytea", "integer", "text"].contains(&kind.as_str());
        assert!(plain, "{name} is {kind}");
        assert!(!row.get::<bool, _>(2), "{name} is filled in by the server");
    }
}

#[tokio::test]
async fn settled_rows_lie_in_the_order_of_their_ids_and_are_of_one_transaction() {
    let ((), store) = store().await;
    for id in [5, 2, 9, 1] {
        store.record(&[contract::vote(id, 1, 1, 9)]).await.unwrap();
    }
    let places = async |table: &str, id: &str| -> Vec<(Vec<u8>, String)> {
        let query = format!("SELECT {id}, xmin::text FROM {table} ORDER BY ctid");
        let rows = sqlx::query(AssertSqlSafe(query)).fetch_all(store.db().readers());
        let rows = rows.await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    };
    let tells = |rows: &[(Vec<u8>, String)]| {
        let of_one = rows
            .iter()
            .all(|(_, transaction)| *transaction == rows[0].1);
        (!of_one, !rows.is_sorted())
    };
    let tables = [("vote", "vote_id"), ("outbox", "id")];
    for (table, id) in tables {
        assert_eq!(
            tells(&places(table, id).await),
            (true, true),
            "the test sees {table}"
        );
    }

    store.settle().await.unwrap();

    for (table, id) in tables {
        let rows = places(table, id).await;
        assert_eq!((rows.len(), tells(&rows)), (4, (false, false)), "{table}");
    }
}

#[tokio::test]
async fn the_service_may_change_rows_and_no_tables() {
    let ((), store) = store().await;

    for statement in [
        "CREATE TABLE mine (a INTEGER)",
        "CREATE TEMP TABLE vote (a INTEGER)",
        "DROP TABLE vote",
        "TRUNCATE vote",
    ] {
        let mut tx = store.db().begin().await.unwrap();
        let refused = sqlx::query(statement).execute(&mut *tx).await;
        assert!(refused.is_err(), "{statement}");
    }
}

#[test]
fn the_migrations_have_the_outbox_as_the_relay_knows_it() {
    for migration in [
        include_str!("../../../../../migrations/payments-votes/postgres/0001_votes.sql"),
        include_str!(
            "../../../../../migrations/payments-orders/postgres/0002_directory_and_outbox.sql"
        ),
    ] {
        assert!(migration.contains(TABLES));
        assert!(migration.contains(lease::postgres::TABLE));
    }
}
