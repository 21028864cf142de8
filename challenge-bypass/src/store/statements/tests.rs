//! The suite on an engine, and what its tables refuse by themselves.

use super::{super::tests::store, *};
use crate::store::contract;

async fn on_a_new_store(case: impl AsyncFnOnce(&dyn Store)) {
    let (_folder, store) = store(Rules::default()).await;
    case(&store).await;
    store.close().await;
}

crate::store_contract!(on_a_new_store);

#[tokio::test]
async fn the_directory_cannot_be_altered_even_by_sql() {
    let (_folder, store) = store(Rules::default()).await;
    contract::the_directory_is_a_chain_of_what_happened(&store).await;

    for statement in [
        "UPDATE directory_entries SET entry = '{}' WHERE position = 0",
        "DELETE FROM directory_entries WHERE position = 2",
    ] {
        let mut tx = store.db.begin().await.unwrap();
        let refused = sqlx::query(statement).execute(&mut *tx).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{refused}");
    }
}

#[tokio::test]
async fn the_database_itself_takes_each_token_once() {
    // A rule that never sees a conflict: only the primary key is left.
    let rules = Rules {
        judge: |_, _| crate::domain::Judgement::Fresh,
        ..Rules::default()
    };
    let (_folder, store) = store(rules).await;
    let (one, other) = contract::two_redemptions_of_one_token(&store).await;

    let day = "2026-01-01".parse().unwrap();
    assert!(store.spend(&[one], day).await.is_ok());
    assert!(store.spend(&[other], day).await.is_err());
}
