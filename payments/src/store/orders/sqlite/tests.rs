use super::SqliteOrders;

/// A store in a file of its own.
pub(super) async fn store() -> (tempfile::TempDir, SqliteOrders) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("orders.db").display());
    let store = SqliteOrders::open(&url).await.unwrap();
    (folder, store)
}
