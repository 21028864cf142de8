//! The contract suite on an engine.

use super::super::tests::store;
use crate::store::publications::contract;

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
