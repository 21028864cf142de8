use super::*;

async fn on_a_new_file(case: impl AsyncFnOnce(&dyn Store)) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("a.db").display());
    let store = SqliteStore::open(&url, Rules::default()).await.unwrap();
    case(&store).await;
    store.close().await;
}

crate::store_contract!(on_a_new_file);

#[tokio::test]
async fn the_directory_cannot_be_altered_even_by_sql() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("a.db").display());
    let store = SqliteStore::open(&url, Rules::default()).await.unwrap();
    crate::store::contract::the_directory_is_a_chain_of_what_happened(&store).await;

    for statement in [
        "UPDATE directory_entries SET entry = '{}' WHERE position = 0",
        "DELETE FROM directory_entries WHERE position = 2",
    ] {
        let mut tx = store.db.begin().await.unwrap();
        assert!(sqlx::query(statement).execute(&mut *tx).await.is_err());
    }
}

#[tokio::test]
async fn the_database_itself_takes_each_token_once() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("a.db").display());
    // A rule that never sees a conflict: only the primary key is left.
    let rules = Rules {
        judge: |_, _| crate::domain::Judgement::Fresh,
        ..Rules::default()
    };
    let store = SqliteStore::open(&url, rules).await.unwrap();
    let (one, other) = crate::store::contract::two_redemptions_of_one_token(&store).await;

    let day = "2026-01-01".parse().unwrap();
    assert!(store.spend(&[one], day).await.is_ok());
    assert!(store.spend(&[other], day).await.is_err());
}
