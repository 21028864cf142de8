use messages::encoding::Fixed;

use super::SqliteStore;
use crate::randomness::store::{Store as _, contract};

/// A store in a file of its own.
pub(super) async fn store() -> (tempfile::TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("a.db").display());
    let store = SqliteStore::open(&url).await.unwrap();
    (folder, store)
}

/// The files are searched: the row alone says nothing about pages that are free, or about the log.
#[tokio::test]
async fn a_replaced_state_is_in_no_file() {
    let (folder, store) = store().await;
    let [old, new] = [1, 2].map(|seed| contract::state("main", seed, 0));
    assert!(store.create(&old).await.unwrap());
    assert!(store.replace(&Fixed([1; 16]), &new).await.unwrap());

    store.forget_deleted().await.unwrap();

    let holds = |bytes: &[u8]| {
        let files = std::fs::read_dir(folder.path()).unwrap();
        files
            .map(|file| std::fs::read(file.unwrap().path()).unwrap())
            .any(|file| file.windows(bytes.len()).any(|window| window == bytes))
    };
    // So much of a long row lies in one piece.
    assert!(holds(&new.state[..64]) && holds(&new.data_key));
    assert!(!holds(&old.state[..64]) && !holds(&old.data_key));
}
