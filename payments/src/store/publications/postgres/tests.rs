use service_kit::db::{migrator, testing};

use super::PostgresPublications;
use crate::store::orders::SCHEMA;

/// A store in a schema of its own, which stays.
pub(super) async fn store() -> ((), PostgresPublications) {
    let db = testing::opened("main", "payments_orders", &migrator(SCHEMA.postgres)).await;
    ((), PostgresPublications::new(db))
}
