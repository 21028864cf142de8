//! The life of keys.

use axum::extract::State;
use messages::{KeyId, challenge_bypass as api, problem::Problem};
use service_kit::extract::{Json, Path};

use super::issuers::shown;
use crate::{
    AppState, Error,
    domain::{IssuerName, RotationRule},
};

/// Announces the issuer's next key now. It signs when the last one ends, so nothing becomes invalid;
/// when one is announced already, nothing happens.
#[utoipa::path(
    post,
    path = "/v4/issuers/{name}/keys/rotate",
    operation_id = "rotateKeys",
    params(("name" = String, Path)),
    responses((status = 200, body = api::Issuer), (status = "default", body = Problem))
)]
pub(super) async fn rotate(
    State(state): State<AppState>,
    Path(name): Path<String>,
) -> Result<Json<api::Issuer>, Error> {
    let name = IssuerName::try_from(name)?;
    state.issuers.rotate(&name, RotationRule::Now).await?;
    let (issuer, keys) = state.issuers.get(&name).await?;
    Ok(Json(shown(issuer, keys)))
}

/// Revokes a key: it signs and redeems no more, from now on and for ever. Repeating it is harmless.
#[utoipa::path(
    post,
    path = "/v4/keys/{keyId}/revoke",
    operation_id = "revokeKey",
    params(("keyId" = KeyId, Path)),
    responses((status = 200), (status = "default", body = Problem))
)]
pub(super) async fn revoke(
    State(state): State<AppState>,
    Path(key): Path<KeyId>,
) -> Result<(), Error> {
    state.issuers.revoke(key).await
}
