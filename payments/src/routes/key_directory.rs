//! `GET /v1/key-directory`.

use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, header};
use messages::directory::Directory;
use service_kit::{Problem, problem::Slug};

use super::public::PublicState;

/// The key directory, whole, with all daily heads.
///
/// Everybody gets the same bytes. There is no `ETag` and no conditional answer: a validator that a client sends back
/// would tell it from others (threat T12).
#[utoipa::path(
    get,
    path = "/v1/key-directory",
    operation_id = "getKeyDirectory",
    responses((status = 200, description = "Every entry and every daily head.", body = Directory)),
)]
pub(super) async fn get(State(state): State<PublicState>) -> Result<Response, Problem> {
    let stored = state.directory.stored(&*state.publications).await;
    let published = stored.map_err(|error| {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "the key directory cannot be read"
        );
        Problem::new(Slug::NotReady)
    })?;
    let headers = (state.rules.directory_headers)(&published.body);
    let mut response = published.body.clone().into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response.headers_mut().extend(headers);
    Ok(response)
}
