use service_kit::db::testing;

use super::PostgresPublications;
use crate::store::orders::POSTGRES;

/// A store in a schema of its own, which stays.
pub(super) async fn store() -> ((), PostgresPublications) {
    let db = testing::opened("main", "payments_orders", &POSTGRES).await;
    ((), PostgresPublications::new(db))
}
