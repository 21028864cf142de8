//! The suite on an engine.

use super::{super::tests::store, *};

async fn on_a_new_store(case: impl AsyncFnOnce(&dyn Store)) {
    let (_folder, store) = store().await;
    case(&store).await;
    store.close().await;
}

crate::randomness_store_contract!(on_a_new_store);
