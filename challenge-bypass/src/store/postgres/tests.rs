use std::time::{Duration, Instant};

use service_kit::db::{Postgres, migrator, testing};

use super::{PostgresStore, SCRIPTS};
use crate::{
    Rules,
    store::{Store as _, contract},
};

/// A store in a schema of its own, which stays.
pub(super) async fn store(rules: Rules) -> ((), PostgresStore) {
    let url = testing::fresh("registry", "challenge_bypass", &migrator(SCRIPTS)).await;
    ((), PostgresStore::open(&url, rules).await.unwrap())
}

#[tokio::test]
async fn the_service_may_change_rows_and_no_tables() {
    let url = testing::fresh("registry", "challenge_bypass", &migrator(SCRIPTS)).await;
    let store = PostgresStore::open(&url, Rules::default()).await.unwrap();
    contract::a_public_key_is_of_one_issuer(&store).await;
    let db = Postgres::open(&url, &migrator(SCRIPTS)).await.unwrap();

    for statement in [
        "CREATE TABLE mine (a INTEGER)",
        "DROP TABLE redemptions",
        "TRUNCATE directory_entries",
        "ALTER TABLE directory_entries DISABLE TRIGGER ALL",
        "SELECT begin_redemptions('\\x00')",
        "SELECT begin_redemptions('\\x000102030405060708090a0b0c0d0e0f')",
    ] {
        let mut tx = db.begin().await.unwrap();
        assert!(
            sqlx::query(statement).execute(&mut *tx).await.is_err(),
            "{statement}"
        );
    }
}

#[tokio::test]
async fn an_ended_keys_redemptions_are_dropped_as_a_table() {
    let url = testing::fresh("registry", "challenge_bypass", &migrator(SCRIPTS)).await;
    let store = PostgresStore::open(&url, Rules::default()).await.unwrap();
    let db = Postgres::open(&url, &migrator(SCRIPTS)).await.unwrap();
    let tables = async || -> i64 {
        let count = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'redemptions'::regclass";
        sqlx::query_scalar(count)
            .fetch_one(db.readers())
            .await
            .unwrap()
    };
    let (one, _) = contract::two_redemptions_of_one_token(&store).await;
    let today = "2026-01-01".parse().unwrap();
    assert!(store.spend(&[one], today).await.is_ok());
    assert_eq!(tables().await, 1);

    let long_after = "2030-01-01T00:00:00Z".parse().unwrap();
    assert!(store.forget_redemptions(long_after, 10).await.unwrap());

    assert_eq!(tables().await, 0);
    assert!(!store.forget_redemptions(long_after, 10).await.unwrap());
}

#[tokio::test]
async fn while_a_dump_reads_everything_keys_are_added_and_dropping_gives_up_soon() {
    let url = testing::fresh("registry", "challenge_bypass", &migrator(SCRIPTS)).await;
    let store = PostgresStore::open(&url, Rules::default()).await.unwrap();
    let db = Postgres::open(&url, &migrator(SCRIPTS)).await.unwrap();
    let mut dump = db.begin_read().await.unwrap();
    let read =
        "SELECT FROM redemptions, issuer_keys, signing_requests, sealed_keys, directory_entries";
    sqlx::query(read).execute(&mut *dump).await.unwrap();
    let begun = Instant::now();

    let (one, other) = contract::two_redemptions_of_one_token(&store).await;
    let long_after = "2030-01-01T00:00:00Z".parse().unwrap();
    store.forget_redemptions(long_after, 10).await.unwrap_err();
    let today = "2026-01-01".parse().unwrap();
    assert!(store.spend(&[one, other], today).await.is_ok());

    assert!(begun.elapsed() < Duration::from_secs(8));
    dump.rollback().await.unwrap();
    assert!(store.forget_redemptions(long_after, 10).await.unwrap());
}
