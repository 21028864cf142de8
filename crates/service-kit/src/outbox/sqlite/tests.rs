use super::super::{contract, testing::Service};

macro_rules! passes {
    ($($case:ident)*) => {$(
        #[tokio::test]
        async fn $case() {
            contract::$case(&Service::start().await).await;
        }
    )*};
}

contract::for_each_case!(passes);
