use super::SqliteStore;

/// One base unit, as SQL says it.
pub(super) const ONE_UNIT: &str = "x'00000000000000000000000000000001'";

pub(super) async fn store() -> (tempfile::TempDir, SqliteStore) {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("tally.db").display());
    let store = SqliteStore::open(&url).await.unwrap();
    (dir, store)
}
