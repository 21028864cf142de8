//! The description of the API.

use serde_json::Value;

use super::app::App;

#[tokio::test]
async fn the_description_is_served_and_has_every_route() {
    let app = App::start().await;

    let served: Value = app.get("/openapi.json").await.json().await.unwrap();

    insta::with_settings!({ sort_maps => true }, {
        insta::assert_json_snapshot!("openapi", served);
    });
}
