//! The sandbox's own API: what users do at their custodian, and the faults that a test plants.
//!
//! It asks for no credentials. A sandbox has no real money, and must not be reachable from outside
//! the machine or the test network.

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use serde::Deserialize;
use serde_json::json;
use service_kit::extract::{Json, Path};
use uuid::Uuid;

use crate::{
    AppState,
    domain::{
        AccountRequest, Address, Custodian, FaultSettings, Lie, Refusal, Transfer, TransferRequest,
    },
    routes::Answer,
    sandbox::Error,
};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/sandbox/accounts", post(open_account))
        .route("/sandbox/accounts/{id}", get(read_account))
        .route("/sandbox/balances", get(balances))
        .route("/sandbox/faults", put(set_faults))
        .route("/sandbox/transfers", post(transfer))
        .route("/sandbox/transfers/{custodian}/{id}", get(read_transfer))
        .route("/sandbox/transfers/{custodian}/{id}/lie", put(lie))
}

/// Opens an account with money; with a public key, it is a card whose transfers that key signs.
async fn open_account(
    State(state): State<AppState>,
    Json(account): Json<AccountRequest>,
) -> Response {
    let id = account.id.clone();
    match state.sandbox.open_account(account) {
        Ok(()) => Answer {
            status: StatusCode::CREATED,
            body: json!({"id": id}),
        },
        Err(error) => Answer::refused(&error),
    }
    .into_response()
}

/// What an account holds.
async fn read_account(State(state): State<AppState>, Path(id): Path<Address>) -> Response {
    match state.sandbox.account(&id) {
        Some(account) => Answer::ok(json!({"id": id, "balances": account.balances()})),
        None => Answer::refused(&Error::Refused(Refusal::UnknownAccount)),
    }
    .into_response()
}

/// What every account holds.
async fn balances(State(state): State<AppState>) -> Response {
    let body = json!({
        "balances": state.sandbox.balances(),
        "conserved": state.sandbox.is_conserved(),
    });
    Answer::ok(body).into_response()
}

/// Makes a transfer out of an account.
async fn transfer(State(state): State<AppState>, Json(request): Json<TransferRequest>) -> Response {
    match state.sandbox.transfer(request) {
        Ok(transfer) => Answer {
            status: StatusCode::CREATED,
            body: shown(&state, &transfer),
        },
        Err(error) => Answer::refused(&error),
    }
    .into_response()
}

/// A transfer as it truly is, whatever lie is told about it.
async fn read_transfer(
    State(state): State<AppState>,
    Path((custodian, id)): Path<(Custodian, Uuid)>,
) -> Response {
    match state.sandbox.find(custodian, id) {
        Some(transfer) => Answer::ok(shown(&state, &transfer)),
        None => Answer::refused(&Error::Refused(Refusal::UnknownTransfer)),
    }
    .into_response()
}

/// Lets calls of the custodians' APIs fail from now on.
async fn set_faults(
    State(state): State<AppState>,
    Json(settings): Json<FaultSettings>,
) -> StatusCode {
    state.sandbox.set_faults(settings);
    StatusCode::NO_CONTENT
}

/// A lie, or with `null` the truth again.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LieRequest {
    lie: Option<Lie>,
}

/// Lies about a transfer from now on.
async fn lie(
    State(state): State<AppState>,
    Path((custodian, id)): Path<(Custodian, Uuid)>,
    Json(request): Json<LieRequest>,
) -> StatusCode {
    state.sandbox.lie(custodian, id, request.lie);
    StatusCode::NO_CONTENT
}

fn shown(state: &AppState, transfer: &Transfer) -> serde_json::Value {
    json!({
        "id": transfer.id,
        "custodian": transfer.custodian,
        "status": transfer.status(state.sandbox.now()),
        "amount": transfer.amount,
        "currency": transfer.currency,
        "destination": transfer.destination,
        "message": transfer.message,
    })
}
