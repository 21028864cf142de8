//! The instances.

use axum::extract::State;
use messages::{problem::Problem, star::InstancesResponse};
use service_kit::extract::Json;

use crate::randomness::{AppState, Error};

/// The names of all instances, in the order of the settings.
#[utoipa::path(
    get,
    path = "/instances",
    operation_id = "listInstances",
    responses((status = 200, body = InstancesResponse), (status = "default", body = Problem))
)]
pub(super) async fn list(State(state): State<AppState>) -> Result<Json<InstancesResponse>, Error> {
    let name = |instance: &crate::randomness::instances::Instance| instance.name().to_string();
    Ok(Json(InstancesResponse {
        instances: state.instances.iter().map(name).collect(),
        default_instance: name(state.instances.find(None)?),
    }))
}
