//! Redemption.

use axum::extract::State;
use messages::{
    challenge_bypass::{RedemptionRequest as Body, RedemptionResponse},
    problem::Problem,
};
use service_kit::{extract::Json, limits::Units};

use crate::{AppState, Error, domain::RedemptionRequest};

/// Spends tokens of one key on a payload: all of them, or none.
///
/// Repeating a request is harmless: `first` becomes `replay`. Any other request with one of its
/// tokens is refused with 409.
#[utoipa::path(
    post,
    path = "/v4/redemptions",
    operation_id = "redeem",
    request_body = Body,
    responses((status = 200, body = RedemptionResponse), (status = "default", body = Problem))
)]
pub(super) async fn post(
    State(state): State<AppState>,
    units: Units,
    Json(body): Json<Body>,
) -> Result<Json<RedemptionResponse>, Error> {
    units.charge(body.tokens.len())?;
    let digest = state.rules.request_digest;
    let request = RedemptionRequest::read(body, state.limits.redemption(), digest)?;
    let key = state.keyring.by_public_key(request.public_key()).await?;
    Ok(Json(state.registry.redeem(request, &key).await?))
}
