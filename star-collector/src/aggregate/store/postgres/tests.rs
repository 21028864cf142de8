use service_kit::db::{migrator, testing};

use super::{PostgresStore, SCRIPTS};
use crate::aggregate::{failures::Reach, store::StoreError, worker::AggregateError};

/// A store in a schema of its own, which stays.
pub(super) async fn store() -> ((), PostgresStore) {
    let url = testing::fresh("main", "star_aggregate", &migrator(SCRIPTS)).await;
    ((), PostgresStore::open(&url).await.unwrap())
}

#[tokio::test]
async fn a_statement_that_takes_too_long_keeps_up_no_other_rows() {
    let db = testing::opened("main", "star_aggregate", &migrator(SCRIPTS)).await;
    let mut tx = db.begin().await.unwrap();
    sqlx::query("SET LOCAL statement_timeout = 20")
        .execute(&mut *tx)
        .await
        .unwrap();

    let slow = sqlx::query("SELECT pg_sleep(9)").execute(&mut *tx).await;

    let error = AggregateError::from(StoreError::from(slow.unwrap_err()));
    assert_eq!(error.reach(), Reach::Epoch);
}
