//! The contract of stores, on the engine that these statements are compiled for.

use crate::aggregate::store::contract;

macro_rules! on_this_engine {
    ($($case:ident)+) => { $(
        #[tokio::test]
        async fn $case() {
            let (_dir, store) = super::super::tests::store().await;

            contract::$case(&store).await;
        }
    )+ };
}
contract::for_each_case!(on_this_engine);
