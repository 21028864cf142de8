use service_kit::db::{Postgres, migrator, testing};

use super::{PostgresStore, SCRIPTS};

/// A store in a schema of its own, which stays.
pub(super) async fn store() -> ((), PostgresStore) {
    let url = testing::fresh("main", "star_randomness", &migrator(SCRIPTS)).await;
    ((), PostgresStore::open(&url).await.unwrap())
}

#[tokio::test]
async fn the_service_may_change_rows_and_no_tables() {
    let url = testing::fresh("main", "star_randomness", &migrator(SCRIPTS)).await;
    let db = Postgres::open(&url, &migrator(SCRIPTS)).await.unwrap();

    for statement in [
        "CREATE TABLE mine (a INTEGER)",
        "DROP TABLE epoch_keys",
        "TRUNCATE epoch_keys",
        "ALTER TABLE epoch_keys DISABLE TRIGGER ALL",
    ] {
        let mut tx = db.begin().await.unwrap();
        let refused = sqlx::query(statement).execute(&mut *tx).await;
        assert!(refused.is_err(), "{statement}");
    }
}
