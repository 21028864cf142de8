//! What only PostgreSQL can get wrong.
#![expect(clippy::disallowed_methods, reason = "the test waits for its tasks")]

use std::{
    process::{Output, Stdio},
    time::{Duration, Instant},
};

use service_kit::{
    db::{migrator, testing},
    lease,
    outbox::postgres::{SLOTS, TABLES},
};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};
use tokio::process::Command;

use super::{LONG_WORK, PostgresVotes, SCRIPTS};
use crate::{
    store::votes::{Store as _, contract},
    votes::VoteRules,
};

/// A store in a schema of its own, which stays.
pub(super) async fn store() -> ((), PostgresVotes) {
    let (_, store) = store_at().await;
    ((), store)
}

/// The same, and where it is.
async fn store_at() -> (String, PostgresVotes) {
    let url = testing::fresh("votes", "payments_votes", &migrator(SCRIPTS)).await;
    let store = PostgresVotes::open(&url, "test.payment.vote".to_owned(), VoteRules::default());
    let store = store.await.unwrap();
    (url, store)
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

/// The rows of `table` as they lie in its file: the id in the column `id`, and the transaction that wrote it.
async fn lying(store: &PostgresVotes, table: &str, id: &str) -> Vec<(Vec<u8>, String)> {
    let query = format!("SELECT {id}, xmin::text FROM {table} ORDER BY ctid");
    let rows = sqlx::query(AssertSqlSafe(query)).fetch_all(store.db().readers());
    let rows = rows.await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Whether rows are of one transaction, and whether they lie in the order of ids.
fn tell_nothing(rows: &[(Vec<u8>, String)]) -> (bool, bool) {
    let of_one = rows
        .iter()
        .all(|(_, transaction)| *transaction == rows[0].1);
    (of_one, rows.is_sorted())
}

#[tokio::test]
async fn settled_rows_lie_in_the_order_of_their_ids_and_are_of_one_transaction() {
    let ((), store) = store().await;
    for id in [5, 2, 9, 1] {
        store.record(&[contract::vote(id, 1, 1, 9)]).await.unwrap();
    }
    let tables = [("vote", "vote_id"), ("outbox", "id")];
    for (table, id) in tables {
        let seen = tell_nothing(&lying(&store, table, id).await);
        assert_eq!(seen, (false, false), "the test sees {table}");
    }

    store.settle().await.unwrap();

    for (table, id) in tables {
        let rows = lying(&store, table, id).await;
        assert_eq!((rows.len(), tell_nothing(&rows)), (4, (true, true)));
    }
}

#[tokio::test]
async fn votes_that_come_while_the_tables_are_written_anew_are_kept_and_tell_nothing_either() {
    let ((), store) = store().await;
    store.record(&[contract::vote(5, 1, 1, 9)]).await.unwrap();
    let mut writing = store.db().begin().await.unwrap();
    let settling = tokio::spawn({
        let store = store.clone();
        async move { store.settle().await }
    });
    waits_for_a_lock(&store, "settle_votes", "advisory").await;

    // The first copy is made; the one who writes goes on.
    let insert = "INSERT INTO vote SELECT key_id, sha256(vote_id) FROM vote";
    sqlx::query(insert).execute(&mut *writing).await.unwrap();
    writing.commit().await.unwrap();
    settling.await.unwrap().unwrap();

    let rows = lying(&store, "vote", "vote_id").await;
    assert_eq!((rows.len(), tell_nothing(&rows).0), (2, true));
    store.record(&[contract::vote(5, 1, 1, 9)]).await.unwrap();
    assert_eq!(lying(&store, "outbox", "id").await.len(), 1, "it is known");
}

#[tokio::test]
async fn the_writing_anew_of_a_process_that_died_is_ended_so_that_another_one_can_do_it() {
    let (url, store) = store_at().await;
    let mut process = PgConnection::connect(&url).await.unwrap();
    for statement in ["BEGIN"].into_iter().chain(LONG_WORK) {
        sqlx::query(statement).execute(&mut process).await.unwrap();
    }
    // As `settle_votes` would, which also holds the lock of all that write in this database for a while.
    let work = "SELECT pg_advisory_xact_lock('vote'::regclass::oid::bigint), pg_sleep(60)";
    let working = tokio::spawn(async move {
        sqlx::query(work).execute(&mut process).await.unwrap();
    });
    is_done_by_somebody(&store, true).await;

    // Its connection ends with it.
    working.abort();

    is_done_by_somebody(&store, false).await;
}

/// Waits until somebody writes the tables anew, or nobody does any more.
async fn is_done_by_somebody(store: &PostgresVotes, expected: bool) {
    let deadline = Instant::now() + Duration::from_secs(40);
    let is_free = "SELECT pg_try_advisory_xact_lock('vote'::regclass::oid::bigint)";
    loop {
        let is_free = sqlx::query_scalar(is_free).fetch_one(store.db().readers());
        let is_free: bool = is_free.await.unwrap();
        if is_free != expected {
            return;
        }
        assert!(Instant::now() < deadline, "somebody does it: {}", !is_free);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn votes_are_taken_while_a_long_dump_puts_off_the_writing_anew() {
    let ((), store) = store().await;
    store.record(&[contract::vote(1, 1, 1, 9)]).await.unwrap();
    let mut dump = store.db().begin_read().await.unwrap();
    let read = "SELECT FROM vote, outbox";
    sqlx::query(read).execute(&mut *dump).await.unwrap();
    let before = lying(&store, "vote", "vote_id").await;
    let settling = tokio::spawn({
        let store = store.clone();
        async move { store.settle().await }
    });
    waits_for_a_lock(&store, "settle_votes", "relation").await;

    let begun = Instant::now();
    store.record(&[contract::vote(2, 1, 1, 9)]).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5));
    settling.await.unwrap().unwrap_err();
    let after = lying(&store, "vote", "vote_id").await;
    assert_eq!((after.len(), &after[..1]), (2, &before[..]));

    dump.rollback().await.unwrap();
    store.settle().await.unwrap();
    assert!(tell_nothing(&lying(&store, "vote", "vote_id").await).0);
}

/// Waits until a statement with the text `statement` waits for a lock of the kind `kind`.
async fn waits_for_a_lock(store: &PostgresVotes, statement: &str, kind: &str) {
    let waiting = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity
                                  WHERE usename = current_user AND wait_event_type = 'Lock'
                                    AND query LIKE '%' || $1 || '%' AND pid <> pg_backend_pid()
                                    AND wait_event = $2)";
    for _ in 0..200 {
        let query = sqlx::query_scalar(waiting).bind(statement).bind(kind);
        if query.fetch_one(store.db().readers()).await.unwrap() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{statement} does not wait for a lock");
}

/// Starts a real `pg_dump` of the schema of `store`, as the role that owns it.
fn start_dump(schema: &str) -> impl Future<Output = Output> {
    let url = testing::url("votes", "payments_votes", "payments_votes_owner");
    let mut dump = Command::new("pg_dump");
    dump.args(["--schema", schema, "--dbname", &url]);
    dump.stdin(Stdio::null());
    let running = tokio::spawn(async move { dump.output().await.unwrap() });
    async move { running.await.unwrap() }
}

#[tokio::test]
async fn a_dump_that_waits_for_the_writing_anew_fails_and_is_never_empty() {
    let ((), store) = store().await;
    let votes: Vec<_> = (1..=4).map(|id| contract::vote(id, 1, 1, 9)).collect();
    store.record(&votes).await.unwrap();
    let schema: String = sqlx::query_scalar("SELECT current_schema()")
        .fetch_one(store.db().readers())
        .await
        .unwrap();

    let mut settling = store.db().begin_beside().await.unwrap();
    let settle = "SELECT settle_votes()";
    sqlx::query(settle).execute(&mut *settling).await.unwrap();
    let dump = start_dump(&schema);
    tokio::time::sleep(Duration::from_secs(1)).await;
    settling.commit().await.unwrap();
    let dumped = dump.await;
    let said = String::from_utf8(dumped.stderr).unwrap();
    assert!(!dumped.status.success(), "it saw tables without rows");
    assert!(said.contains("does not exist"), "{said}");

    let dumped = start_dump(&schema).await;
    assert!(dumped.status.success());
    let text = String::from_utf8(dumped.stdout).unwrap();
    for id in 1..=4_u8 {
        // Once as a vote, and once as what waits to be published.
        let id = format!("\\\\x{}", hex::encode([id; 32]));
        assert_eq!(text.matches(&id).count(), 2, "{id}");
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
    for migration in [
        include_str!("../../../../../migrations/payments-votes/postgres/0002_slots.sql"),
        include_str!("../../../../../migrations/payments-orders/postgres/0003_slots.sql"),
    ] {
        assert!(migration.contains(SLOTS));
    }
}
