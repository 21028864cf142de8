//! The key directory's heads as this witness saw them (contracts §5). Public.

use axum::extract::State;
use messages::directory::WitnessedHeads;
use service_kit::extract::Json;

use crate::{error::Error, state::AppState};

/// The heads that were witnessed, oldest first. The same answer for everybody, never conditional.
#[utoipa::path(get, path = "/v1/directory-heads", responses((status = 200, body = WitnessedHeads)))]
pub(crate) async fn get(State(state): State<AppState>) -> Result<Json<WitnessedHeads>, Error> {
    state
        .directory_heads
        .check()
        .map_err(|_| Error::TooManyRequests)?;
    let heads = state.store.directory_heads().await?;
    let heads = heads.into_iter().map(|(head, _)| head).collect();
    Ok(Json(WitnessedHeads { heads }))
}
