use super::SqliteStore;

pub(super) async fn store() -> (tempfile::TempDir, SqliteStore) {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("aggregate.db").display());
    let store = SqliteStore::open(&url).await.unwrap();
    (dir, store)
}
