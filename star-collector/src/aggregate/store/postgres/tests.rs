use service_kit::db::{migrator, testing};

use super::{PostgresStore, SCRIPTS};

/// A store in a schema of its own, which stays.
pub(super) async fn store() -> ((), PostgresStore) {
    let url = testing::fresh("main", "star_aggregate", &migrator(SCRIPTS)).await;
    ((), PostgresStore::open(&url).await.unwrap())
}
