//! Evaluation.

use axum::extract::State;
use messages::{
    problem::Problem,
    star::{RandomnessRequest, RandomnessResponse},
};
use service_kit::{
    extract::{Json, Path},
    limits::Units,
};

use crate::randomness::{AppState, Error, domain::Points, error::all_is_well};

/// Evaluates points with the key of the default instance, in its current epoch.
#[utoipa::path(
    post,
    path = "/randomness",
    operation_id = "evaluate",
    request_body = RandomnessRequest,
    responses((status = 200, body = RandomnessResponse), (status = "default", body = Problem))
)]
pub(super) async fn of_default(
    State(state): State<AppState>,
    units: Units,
    Json(request): Json<RandomnessRequest>,
) -> Result<Json<RandomnessResponse>, Error> {
    evaluate(&state, None, &units, request).await
}

/// Evaluates points with the key of an instance, in its current epoch.
#[utoipa::path(
    post,
    path = "/instances/{name}/randomness",
    operation_id = "evaluateOfInstance",
    params(("name" = String, Path)),
    request_body = RandomnessRequest,
    responses((status = 200, body = RandomnessResponse), (status = "default", body = Problem))
)]
pub(super) async fn of_instance(
    State(state): State<AppState>,
    Path(name): Path<String>,
    units: Units,
    Json(request): Json<RandomnessRequest>,
) -> Result<Json<RandomnessResponse>, Error> {
    evaluate(&state, Some(&name), &units, request).await
}

async fn evaluate(
    state: &AppState,
    name: Option<&str>,
    units: &Units,
    request: RandomnessRequest,
) -> Result<Json<RandomnessResponse>, Error> {
    units.charge(request.points.len())?;
    let points = Points::new(request.points, state.limits.points_max)?;
    let key = state.instances.find(name)?.current().await?;
    let rules = state.rules;
    let epoch = (rules.epoch)(request.epoch, key.epoch()).ok_or(Error::WrongEpoch)?;
    let evaluate = move || key.evaluate(&points.check_by(rules.point)?, epoch);
    let points = state.pool.run(evaluate).await??;
    all_is_well();
    Ok(Json(RandomnessResponse { points, epoch }))
}
