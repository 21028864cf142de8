use service_kit::db::testing;

use super::PostgresStore;
use crate::store::POSTGRES;

/// One base unit, as SQL says it.
pub(super) const ONE_UNIT: &str = "1";

/// A store in a schema of its own, which stays.
pub(super) async fn store() -> ((), PostgresStore) {
    let url = testing::fresh("main", "tally", &POSTGRES).await;
    ((), PostgresStore::open(&url).await.unwrap())
}
