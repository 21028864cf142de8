//! The key directory.

use axum::extract::State;
use messages::{
    directory::{Directory, KeyChange},
    problem::Problem,
};
use service_kit::extract::Json;

use crate::{AppState, Error, domain::KeyChanged};

/// The entries of the key directory since index 0. It has no heads here: payments signs those.
#[utoipa::path(
    get,
    path = "/v4/key-directory",
    operation_id = "getKeyDirectory",
    responses((status = 200, body = Directory), (status = "default", body = Problem))
)]
pub(super) async fn get(State(state): State<AppState>) -> Result<Json<Directory>, Error> {
    let entries = state.store.directory().await?;
    Ok(Json(Directory {
        entries,
        heads: Vec::new(),
    }))
}

/// Appends that the directory key was changed, and shows the directory. When the new key is in force
/// already, nothing happens.
#[utoipa::path(
    post,
    path = "/v4/directory-keys",
    operation_id = "changeDirectoryKey",
    request_body = KeyChange,
    responses((status = 200, body = Directory), (status = "default", body = Problem))
)]
pub(super) async fn change_key(
    State(state): State<AppState>,
    Json(change): Json<KeyChange>,
) -> Result<Json<Directory>, Error> {
    match state.store.change_directory_key(&change.check()?).await? {
        KeyChanged::Now => tracing::warn!("the directory key was changed"),
        KeyChanged::Before => {}
        KeyChanged::Refused(refused) => return Err(refused.into()),
    }
    get(State(state)).await
}
