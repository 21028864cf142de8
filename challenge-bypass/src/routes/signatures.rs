//! Signing.

use axum::extract::State;
use messages::{
    challenge_bypass::{SigningRequest, SigningResponse},
    problem::Problem,
};
use service_kit::{
    extract::{Json, Path},
    limits::Units,
};

use crate::{
    AppState, Error,
    domain::{BlindedBatch, IssuerName},
};

/// Signs blinded tokens with the issuer's key of the day, and proves that one key signed them all.
///
/// Repeating a request is harmless: it is signed again with the same key, and counted once.
#[utoipa::path(
    post,
    path = "/v4/issuers/{name}/signatures",
    operation_id = "sign",
    params(("name" = String, Path)),
    request_body = SigningRequest,
    responses((status = 200, body = SigningResponse), (status = "default", body = Problem))
)]
pub(super) async fn post(
    State(state): State<AppState>,
    Path(name): Path<String>,
    units: Units,
    Json(request): Json<SigningRequest>,
) -> Result<Json<SigningResponse>, Error> {
    let name = IssuerName::try_from(name)?;
    units.charge(request.blinded_tokens.len())?;
    let batch = BlindedBatch::new(request.blinded_tokens, state.limits.blinded_tokens_max)?;
    let signed = state.signer.sign(&name, &request.request_id, batch).await?;
    Ok(Json(signed))
}
