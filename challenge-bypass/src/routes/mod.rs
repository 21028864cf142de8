//! The native API, `/v4` (contracts §4).

mod directory;
mod issuers;
mod keys;
mod redemptions;
mod signatures;

use axum::{
    Router,
    middleware::from_fn_with_state,
    routing::{get, post, put},
};
use service_kit::extract::body_limit;
use utoipa::OpenApi;

use crate::{AppState, auth};

/// The description of the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "challenge-bypass",
        description = "Issuers and their keys, signing, redemption"
    ),
    paths(
        directory::change_key,
        directory::get,
        issuers::get,
        issuers::put,
        keys::revoke,
        keys::rotate,
        redemptions::post,
        signatures::post
    )
)]
pub(crate) struct ApiDoc;

/// The routes.
pub(crate) fn router(state: AppState) -> Router {
    let limits = state.limits;
    let signatures = post(signatures::post).layer(body_limit(limits.signing_body_bytes_max));
    let redemptions = post(redemptions::post).layer(body_limit(limits.redemption_body_bytes_max));
    let routes = Router::new()
        .route("/v4/issuers/{name}", put(issuers::put).get(issuers::get))
        .route("/v4/issuers/{name}/signatures", signatures)
        .route("/v4/issuers/{name}/keys/rotate", post(keys::rotate))
        .route("/v4/keys/{keyId}/revoke", post(keys::revoke))
        .route("/v4/redemptions", redemptions)
        .route("/v4/directory-keys", post(directory::change_key))
        .route("/v4/key-directory", get(directory::get));
    let routes = if state.tokens.is_empty() {
        routes
    } else {
        routes.layer(from_fn_with_state(state.clone(), auth::check))
    };
    routes.with_state(state)
}
