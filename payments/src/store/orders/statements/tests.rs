//! The suite on an engine.

use std::sync::Arc;

use super::super::tests::store;
use crate::store::orders::contract;

macro_rules! passes {
    ($name:ident) => {
        #[tokio::test]
        async fn $name() {
            let (_folder, store) = store().await;
            contract::$name(Arc::new(store)).await;
        }
    };
}

contract::for_each_test!(passes);
