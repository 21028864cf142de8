//! What clients must know about an instance.

use axum::extract::State;
use messages::{problem::Problem, star::InfoResponse};
use service_kit::extract::{Json, Path};

use crate::randomness::{AppState, Error};

/// The public key and the current epoch of the default instance.
#[utoipa::path(
    get,
    path = "/info",
    operation_id = "getInfo",
    responses((status = 200, body = InfoResponse), (status = "default", body = Problem))
)]
pub(super) async fn of_default(State(state): State<AppState>) -> Result<Json<InfoResponse>, Error> {
    info(&state, None).await
}

/// The public key and the current epoch of an instance.
#[utoipa::path(
    get,
    path = "/instances/{name}/info",
    operation_id = "getInfoOfInstance",
    params(("name" = String, Path)),
    responses((status = 200, body = InfoResponse), (status = "default", body = Problem))
)]
pub(super) async fn of_instance(
    State(state): State<AppState>,
    Path(name): Path<String>,
) -> Result<Json<InfoResponse>, Error> {
    info(&state, Some(&name)).await
}

async fn info(state: &AppState, name: Option<&str>) -> Result<Json<InfoResponse>, Error> {
    let key = state.instances.find(name)?.current().await?;
    Ok(Json(InfoResponse {
        public_key: key.public_key().to_owned(),
        current_epoch: key.epoch(),
        next_epoch_time: key.end(),
        max_points: state.limits.points_max,
    }))
}
