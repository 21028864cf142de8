use super::SqlitePublications;
use crate::store::orders::SqliteOrders;

/// A store in a file of its own.
pub(super) async fn store() -> (tempfile::TempDir, SqlitePublications) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("orders.db").display());
    let orders = SqliteOrders::open(&url).await.unwrap();
    (folder, SqlitePublications::new(orders.db().clone()))
}
