//! `POST /v1/orders`, `GET /v1/orders/{orderId}`.

use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use messages::{
    payments::{self as wire, OrderRequest},
    problem::Problem as ProblemBody,
};
use service_kit::{Problem, extract::Json, limits::Units};
use uuid::Uuid;

use super::{
    holder::{Holder, Read},
    idempotency,
    orders_state::OrdersState,
};
use crate::{
    domain::{
        order::{self, Item, Limits, Order},
        sku::{CREDENTIAL_TYPE, MERCHANT},
        terms::Terms,
    },
    error::Error,
    store::orders::Idempotency,
};

/// Places an order.
///
/// The answer holds the order's capability, which every other request for this order needs. With an
/// `Idempotency-Key` the same request gets the same order for a day.
#[utoipa::path(
    post,
    path = "/v1/orders",
    operation_id = "placeOrder",
    request_body = OrderRequest,
    params(("Idempotency-Key" = Option<Uuid>, Header, description = "A random UUID (version 4).")),
    responses(
        (status = 201, description = "The order, with its capability.", body = wire::Order),
        (status = 400, description = "An item is not sold, or its quantity is not.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The items do not go together.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many requests.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "No key that clients can confirm, or too much to do.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn place(
    State(state): State<OrdersState>,
    units: Units,
    headers: HeaderMap,
    Json(request): Json<OrderRequest>,
) -> Result<Response, Problem> {
    let key = idempotency::key(&headers).map_err(|error| error.problem())?;
    units.charge(request.items.len())?;
    let placed = placed(&state, &request, key).await;
    match placed {
        Ok((order, capability)) => Ok(created(&shown(&state, &order, Some(capability)))),
        Err(error) => Ok(error.into_response()),
    }
}

async fn placed(
    state: &OrdersState,
    request: &OrderRequest,
    key: Option<Uuid>,
) -> Result<(Order, String), Error> {
    let now = state.clock.now();
    let remembered = key.map(|key| remembered(state, &key, request, now));
    let placed = match before(state, remembered.as_ref()).await? {
        Some(before) => before,
        None => new(state, request, remembered, now).await?,
    };
    let terms = terms_of(&placed);
    let capability = state.capabilities.mint(placed.id, &terms);
    // Only a description in the configuration could be too long, and that is checked at start.
    Ok((placed, capability.map_err(|_| Error::NotFound)?))
}

/// The order that the same request was given before: what may be sold by now is no matter for it.
async fn before(state: &OrdersState, key: Option<&Idempotency>) -> sqlx::Result<Option<Order>> {
    match key {
        Some(key) => state.store.placed_under(key).await,
        None => Ok(None),
    }
}

async fn new(
    state: &OrdersState,
    request: &OrderRequest,
    remembered: Option<Idempotency>,
    now: DateTime<Utc>,
) -> Result<Order, Error> {
    let limits = Limits {
        quantities: &state.limits.quantities,
        items_max: state.limits.items_max,
        quantity: state.rules.quantity,
    };
    let terms = order::price(request, &state.catalogue, limits, now)?;
    if !is_sellable(state, &terms, now) {
        return Err(Error::NoConfirmedKey);
    }
    let id = Uuid::new_v4();
    let new = Order::of_terms(id, &terms, &state.catalogue, &state.secret, (now, now));
    let new = new.ok_or(Error::NoConfirmedKey)?;
    let placed = state
        .store
        .place(&new, remembered, state.limits.place)
        .await?;
    state.rules.fault.at("order-placed")?;
    Ok(placed)
}

/// Whether every SKU has a key that clients can have confirmed, before any money moves.
fn is_sellable(state: &OrdersState, terms: &Terms, now: DateTime<Utc>) -> bool {
    terms.lines.iter().all(|line| {
        let issuer = crate::signing::issuer(&state.catalogue, &line.sku);
        state.directory.sellable_key(&issuer, now).is_some()
    })
}

fn remembered(
    state: &OrdersState,
    key: &Uuid,
    request: &OrderRequest,
    now: DateTime<Utc>,
) -> Idempotency {
    // The body as it was understood: white space makes no other order.
    let body = serde_json::to_vec(request).expect("an order request is plain data");
    Idempotency {
        hash: (state.rules.idempotency)(key, &body),
        until: now + TimeDelta::hours(state.limits.idempotency_hours.into()),
    }
}

/// The terms of an order, as they were when it was placed.
fn terms_of(order: &Order) -> Terms {
    let line = |item: &Item| crate::domain::terms::Line {
        sku: item.sku.clone(),
        quantity: item.quantity,
        price: item.price,
    };
    Terms {
        day: order.created_at.date_naive(),
        currency: order.currency.clone(),
        total: order.total,
        lines: order.items.iter().map(line).collect(),
    }
}

fn created(order: &wire::Order) -> Response {
    let location = HeaderValue::try_from(format!("/v1/orders/{}", order.id));
    let mut response = (StatusCode::CREATED, Json(order)).into_response();
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    // The answer holds a right: nothing in between may keep it.
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    response
}

/// Shows an order.
#[utoipa::path(
    get,
    path = "/v1/orders/{orderId}",
    operation_id = "getOrder",
    params(("orderId" = Uuid, Path, description = "The order.")),
    security(("capability" = [])),
    responses(
        (status = 200, description = "The order.", body = wire::Order),
        (status = 401, description = "No capability, or not one for this.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn show(
    State(state): State<OrdersState>,
    Holder(allowed, _): Holder<Read>,
) -> Result<Json<wire::Order>, Error> {
    let order = state.order(&allowed).await?;
    Ok(Json(shown(&state, &order, None)))
}

/// An order as clients see it.
fn shown(state: &OrdersState, order: &Order, capability: Option<String>) -> wire::Order {
    wire::Order {
        id: order.id,
        created_at: order.created_at,
        updated_at: order.updated_at,
        currency: order.currency.clone(),
        total_price: order.total,
        merchant_id: MERCHANT.to_owned(),
        location: MERCHANT.to_owned(),
        status: order.status,
        items: order
            .items
            .iter()
            .map(|item| shown_item(order, item))
            .collect(),
        expires_at: order.expires_at(&state.limits.waiting),
        transfer_reference: state.secret.reference(order.id, order.references_used),
        capability,
    }
}

fn shown_item(order: &Order, item: &Item) -> wire::OrderItem {
    wire::OrderItem {
        id: item.id,
        order_id: order.id,
        created_at: order.created_at,
        updated_at: order.updated_at,
        sku: item.sku.clone(),
        currency: order.currency.clone(),
        quantity: item.quantity,
        price: item.price,
        subtotal: item.subtotal,
        location: item.location.clone(),
        description: item.description.clone(),
        credential_type: CREDENTIAL_TYPE.to_owned(),
    }
}
