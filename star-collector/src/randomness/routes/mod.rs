//! The API (contracts §9), as clients of `star-randsrv` know it.

mod info;
mod instances;
mod randomness;

use axum::{
    Router,
    routing::{get, post},
};
use service_kit::extract::body_limit;
use utoipa::OpenApi;

use super::AppState;

/// The description of the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "star-randomness",
        description = "Randomness for the messages of nested STAR, in epochs"
    ),
    paths(
        info::of_default,
        info::of_instance,
        instances::list,
        randomness::of_default,
        randomness::of_instance
    )
)]
pub(super) struct ApiDoc;

/// The routes.
pub(super) fn router(state: AppState) -> Router {
    let limit = body_limit(state.limits.body_bytes_max);
    let of_default = post(randomness::of_default).layer(limit);
    let of_instance = post(randomness::of_instance).layer(limit);
    Router::new()
        .route("/randomness", of_default)
        .route("/instances/{name}/randomness", of_instance)
        .route("/info", get(info::of_default))
        .route("/instances/{name}/info", get(info::of_instance))
        .route("/instances", get(instances::list))
        .with_state(state)
}
