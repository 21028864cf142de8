//! Issuers.

use axum::extract::State;
use http::StatusCode;
use messages::{challenge_bypass as api, problem::Problem};
use service_kit::extract::{Json, Path};

use crate::{
    AppState, Error,
    domain::{Issuer, IssuerKey, IssuerName},
};

/// Adds an issuer with its first key: 201. An issuer that has these very terms is shown: 200; one
/// that has others is not changed: 409.
#[utoipa::path(
    put,
    path = "/v4/issuers/{name}",
    operation_id = "putIssuer",
    params(("name" = String, Path)),
    request_body = api::IssuerTerms,
    responses(
        (status = 200, body = api::Issuer),
        (status = 201, body = api::Issuer),
        (status = "default", body = Problem)
    )
)]
pub(super) async fn put(
    State(state): State<AppState>,
    Path(name): Path<String>,
    Json(terms): Json<api::IssuerTerms>,
) -> Result<(StatusCode, Json<api::Issuer>), Error> {
    let issuer = Issuer {
        name: name.try_into()?,
        terms: terms.try_into()?,
    };
    let is_new = state.issuers.put(&issuer).await?;
    let (issuer, keys) = state.issuers.get(&issuer.name).await?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(shown(issuer, keys))))
}

/// An issuer with all its keys and what they did.
#[utoipa::path(
    get,
    path = "/v4/issuers/{name}",
    operation_id = "getIssuer",
    params(("name" = String, Path)),
    responses((status = 200, body = api::Issuer), (status = "default", body = Problem))
)]
pub(super) async fn get(
    State(state): State<AppState>,
    Path(name): Path<String>,
) -> Result<Json<api::Issuer>, Error> {
    let (issuer, keys) = state.issuers.get(&IssuerName::try_from(name)?).await?;
    Ok(Json(shown(issuer, keys)))
}

/// The issuer as it is shown.
pub(super) fn shown(issuer: Issuer, keys: Vec<IssuerKey>) -> api::Issuer {
    api::Issuer {
        name: issuer.name.to_string(),
        terms: issuer.terms.into(),
        keys: keys.into_iter().map(Into::into).collect(),
    }
}
