//! The key directory's heads as this witness saw them (contracts §5). Public.

use axum::extract::State;
use messages::directory::WitnessedHeads;
use service_kit::{extract::Json, limits::Units};

use crate::{error::Error, state::AppState};

/// The heads that were witnessed, oldest first. The same answer for everybody, never conditional.
#[utoipa::path(get, path = "/v1/directory-heads", responses((status = 200, body = WitnessedHeads)))]
pub(crate) async fn get(
    State(state): State<AppState>,
    client: Units,
) -> Result<Json<WitnessedHeads>, Error> {
    let quota = state.directory_heads.check(&client);
    quota.map_err(Error::TooManyRequests)?;
    let heads = state.store.directory_heads().await?;
    let heads = heads.into_iter().map(|(head, _)| head).collect();
    Ok(Json(WitnessedHeads { heads }))
}
