//! The contract suite on SQLite, and what only SQLite can get wrong.

use service_kit::outbox::{Shuffle, contract as outbox_contract};

use super::*;
use crate::votes::VoteRules;

async fn store() -> (tempfile::TempDir, SqliteVotes) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("votes.db").display());
    let store = SqliteVotes::open(&url, "test.payment.vote".to_owned(), VoteRules::default());
    (folder, store.await.unwrap())
}

#[tokio::test]
async fn a_vote_is_counted_once() {
    let (_folder, store) = store().await;
    contract::a_vote_is_counted_once(&store, &store.outbox()).await;
}

#[tokio::test]
async fn a_recorded_vote_is_known() {
    let (_folder, store) = store().await;
    contract::a_recorded_vote_is_known(&store).await;
}

#[tokio::test]
async fn the_highest_redeemed_total_is_kept() {
    let (_folder, store) = store().await;
    contract::the_highest_redeemed_total_is_kept(&store).await;
}

#[tokio::test]
async fn votes_are_forgotten_by_key() {
    let (_folder, store) = store().await;
    contract::votes_are_forgotten_by_key(&store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn identical_votes_at_once_make_one_row() {
    let (_folder, store) = store().await;
    contract::identical_votes_at_once_make_one_row(&store, &store.outbox()).await;
}
