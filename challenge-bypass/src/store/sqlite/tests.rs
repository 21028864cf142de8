use super::SqliteStore;
use crate::Rules;

/// A store in a file of its own.
pub(super) async fn store(rules: Rules) -> (tempfile::TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("a.db").display());
    let store = SqliteStore::open(&url, rules).await.unwrap();
    (folder, store)
}
