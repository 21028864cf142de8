//! The description of the API is the one that was agreed.

use serde_json::Value;

use crate::house::House;

#[tokio::test]
async fn the_description_is_served_and_has_every_route() {
    let house = House::start().await;
    let served: Value = house.get("/openapi.json").await.read(200);

    assert_eq!(served, serde_json::to_value(payments::openapi()).unwrap());
    insta::with_settings!({ sort_maps => true }, {
        insta::assert_json_snapshot!("openapi", served);
    });
}
