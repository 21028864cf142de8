//! `…/credentials`: blinded tokens in, signed tokens out.

use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use messages::{
    digest::{H, uuid_v8},
    payments::{CredentialsRequest, OrderCredentials, OrderStatus},
    problem::Problem as ProblemBody,
};
use service_kit::{Problem, extract::Json, limits::Units};
use uuid::Uuid;

use super::{
    holder::{Holder, ItemId, Read, Sign},
    orders_state::OrdersState,
};
use crate::{
    domain::{
        capability::Allowed,
        credentials::{Credentials, InvalidPoints, Points},
        order::Order,
    },
    error::Error,
    signing,
    store::orders::{ItemCredentials, Submission, Unsigned},
};

/// Submits the blinded tokens of an item, and answers with their signatures.
///
/// The same tokens may be submitted again and get the same answer. Others never do.
#[utoipa::path(
    post,
    path = "/v1/orders/{orderId}/credentials",
    operation_id = "submitBlindedTokens",
    params(("orderId" = Uuid, Path, description = "The order.")),
    security(("capability" = [])),
    request_body = CredentialsRequest,
    responses(
        (status = 200, description = "The signed tokens.", body = OrderCredentials),
        (status = 400, description = "Not as many points as were paid for, or not all of them valid and distinct.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No capability, or not one for this.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "The order has no such item.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Other points were submitted before.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The order is not paid.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "They are stored and not signed yet: send the same request again.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn submit(
    State(state): State<OrdersState>,
    Holder(allowed, _): Holder<Sign>,
    units: Units,
    Json(request): Json<CredentialsRequest>,
) -> Result<Json<OrderCredentials>, Problem> {
    units.charge(request.blinded_creds.len())?;
    let signed = submitted(&state, &allowed, request).await;
    state.alarms.hear(signed).map(Json)
}

async fn submitted(
    state: &OrdersState,
    allowed: &Allowed,
    request: CredentialsRequest,
) -> Result<OrderCredentials, Error> {
    let order = state.order(allowed).await?;
    let item = order.items.iter().find(|item| item.id == request.item_id);
    let item = item.ok_or(Error::NotFound)?;
    match order.status {
        OrderStatus::Pending => return Err(Error::OrderNotPaid),
        // Of a canceled order, the store knows whether it was paid and written off.
        OrderStatus::Canceled | OrderStatus::Fulfilled | OrderStatus::Paid => {}
    }
    let quantity = item.quantity;
    if request.blinded_creds.len() > state.limits.blinded_tokens_max {
        return Err(InvalidPoints::Count { expected: quantity }.into());
    }
    let tokens = request.blinded_creds;
    let points = state
        .pool
        .run(move || Points::check(tokens, quantity))
        .await??;
    let submission = state.store.submit(order.id, item.id, &points).await?;
    state.rules.fault.at("credentials-submitted")?;
    match submission {
        Submission::Accepted => {
            let unsigned = Unsigned {
                item: item.id,
                sku: item.sku.clone(),
                points,
            };
            state.signing.finish(&unsigned).await?;
            signed_item(state, &order, item.id).await
        }
        Submission::Signed(_) => signed_item(state, &order, item.id).await,
        Submission::Canceled => Err(Error::OrderCanceled),
        Submission::NotPaid => Err(Error::OrderNotPaid),
        Submission::Erased | Submission::Other => Err(Error::CredentialsAlreadySubmitted),
    }
}

/// What is stored for an item that is signed: of two requests at once, both get what the first stored.
async fn signed_item(
    state: &OrdersState,
    order: &Order,
    item: Uuid,
) -> Result<OrderCredentials, Error> {
    let stored = state.store.credentials(order.id).await?;
    let stored = stored.into_iter().find(|one| one.item == item);
    let stored = stored.ok_or(Error::NotFound)?;
    shown(state, order.id, &stored).ok_or(Error::CredentialsErased)
}

/// Shows the signed tokens of all items.
#[utoipa::path(
    get,
    path = "/v1/orders/{orderId}/credentials",
    operation_id = "listCredentials",
    params(("orderId" = Uuid, Path, description = "The order.")),
    security(("capability" = [])),
    responses(
        (status = 200, description = "The signed tokens of the items that are signed.", body = [OrderCredentials]),
        (status = 202, description = "None is signed yet."),
        (status = 401, description = "No capability, or not one for this.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Nothing was submitted.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 410, description = "They were erased.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn list(
    State(state): State<OrdersState>,
    Holder(allowed, _): Holder<Read>,
) -> Result<Response, Problem> {
    state.alarms.hear(listed(&state, &allowed).await)
}

async fn listed(state: &OrdersState, allowed: &Allowed) -> Result<Response, Error> {
    let stored = state.store.credentials(allowed.order()).await?;
    let shown = |one: &ItemCredentials| shown(state, allowed.order(), one);
    let signed: Vec<_> = stored.iter().filter_map(shown).collect();
    if !signed.is_empty() {
        return Ok(Json(signed).into_response());
    }
    answer_without(stored.iter().map(|one| &one.credentials))
}

/// Shows the signed tokens of an item.
#[utoipa::path(
    get,
    path = "/v1/orders/{orderId}/credentials/{itemId}",
    operation_id = "getCredentials",
    params(
        ("orderId" = Uuid, Path, description = "The order."),
        ("itemId" = Uuid, Path, description = "The item."),
    ),
    security(("capability" = [])),
    responses(
        (status = 200, description = "The signed tokens.", body = OrderCredentials),
        (status = 202, description = "They are not signed yet."),
        (status = 401, description = "No capability, or not one for this.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Nothing was submitted.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 410, description = "They were erased.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn show(
    State(state): State<OrdersState>,
    Holder(allowed, _): Holder<Read>,
    ItemId(item): ItemId,
) -> Result<Response, Problem> {
    state.alarms.hear(shown_item(&state, &allowed, item).await)
}

async fn shown_item(state: &OrdersState, allowed: &Allowed, item: Uuid) -> Result<Response, Error> {
    let stored = state.store.credentials(allowed.order()).await?;
    let stored = stored.iter().find(|one| one.item == item);
    match stored.and_then(|one| shown(state, allowed.order(), one)) {
        Some(signed) => Ok(Json(signed).into_response()),
        None => answer_without(stored.map(|one| &one.credentials)),
    }
}

/// What is answered when nothing can be shown.
fn answer_without<'a>(
    stored: impl IntoIterator<Item = &'a Credentials>,
) -> Result<Response, Error> {
    let mut found = Err(Error::NotFound);
    for credentials in stored {
        match credentials {
            Credentials::Erased => found = Err(Error::CredentialsErased),
            Credentials::Signed(..) => {}
            // Existing clients read 202 as "ask again soon".
            Credentials::Signing(_) => {
                return Ok((StatusCode::ACCEPTED, Json(())).into_response());
            }
        }
    }
    found
}

fn shown(
    state: &OrdersState,
    order_id: Uuid,
    stored: &ItemCredentials,
) -> Option<OrderCredentials> {
    let Credentials::Signed(points, signed) = &stored.credentials else {
        return None;
    };
    let issuer = signing::issuer(&state.catalogue, &stored.sku);
    Some(OrderCredentials {
        id: stored.item,
        order_id,
        issuer_id: uuid_v8(H::new("bt/issuer/1").part(issuer.as_bytes()).finish()),
        blinded_creds: points.tokens().to_vec(),
        signed_creds: signed.tokens.clone(),
        batch_proof: signed.proof,
        public_key: signed.public_key,
    })
}
