//! The key directory.

use axum::extract::State;
use messages::{directory::Directory, problem::Problem};
use service_kit::extract::Json;

use crate::{AppState, Error};

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
