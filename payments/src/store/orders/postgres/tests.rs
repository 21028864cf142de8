use service_kit::db::{migrator, testing};

use super::{PostgresOrders, SCRIPTS};

/// A store in a schema of its own, which stays.
pub(super) async fn store() -> ((), PostgresOrders) {
    let url = testing::fresh("main", "payments_orders", &migrator(SCRIPTS)).await;
    ((), PostgresOrders::open(&url).await.unwrap())
}
