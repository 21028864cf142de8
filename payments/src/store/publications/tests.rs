//! The contract suite on SQLite.

use sqlx::migrate::Migrator;

use super::*;

static MIGRATOR: Migrator = sqlx::migrate!("../migrations/payments-orders/sqlite");

async fn store() -> (tempfile::TempDir, SqlitePublications) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("orders.db").display());
    let db = service_kit::db::Sqlite::open(&url, &MIGRATOR)
        .await
        .unwrap();
    (folder, SqlitePublications::new(db))
}

#[tokio::test]
async fn the_directory_is_what_was_appended() {
    let (_folder, store) = store().await;
    contract::the_directory_is_what_was_appended(&store, &store.outbox()).await;
}

#[tokio::test]
async fn a_day_has_one_head() {
    let (_folder, store) = store().await;
    contract::a_day_has_one_head(&store, &store.outbox()).await;
}

#[tokio::test]
async fn entries_go_on_from_the_stored_ones() {
    let (_folder, store) = store().await;
    contract::entries_go_on_from_the_stored_ones(&store).await;
}

#[tokio::test]
async fn a_head_covers_all_stored_entries() {
    let (_folder, store) = store().await;
    contract::a_head_covers_all_stored_entries(&store, &store.outbox()).await;
}

#[tokio::test]
async fn heads_that_were_published_are_put_back() {
    let (_folder, store) = store().await;
    contract::heads_that_were_published_are_put_back(&store, &store.outbox()).await;
}
