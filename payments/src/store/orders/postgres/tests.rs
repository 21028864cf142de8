use service_kit::db::testing;

use super::{super::POSTGRES, PostgresOrders};

/// A store in a schema of its own, which stays.
pub(super) async fn store() -> ((), PostgresOrders) {
    let url = testing::fresh("main", "payments_orders", &POSTGRES).await;
    ((), PostgresOrders::open(&url).await.unwrap())
}
