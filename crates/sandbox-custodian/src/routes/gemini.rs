//! Gemini's API, as far as payments uses it (contracts §2).

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;
use service_kit::extract::Path;
use uuid::Uuid;

use crate::{
    AppState,
    domain::{Custodian, Refusal},
    routes::{Answer, LieMembers, attempt},
    sandbox::Error,
    signatures,
};

const LIES: LieMembers = LieMembers {
    id: "/tx_ref",
    currency: "/currency",
    destination: &["/destination"],
};

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/v1/payment/{client}/{tx_ref}", get(read))
}

/// A payment by its reference.
async fn read(
    State(state): State<AppState>,
    Path((client, tx_ref)): Path<(String, Uuid)>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let credentials = &state.credentials;
    let signed = signatures::check_gemini(
        &headers,
        uri.path(),
        credentials.gemini_api_key(),
        credentials.gemini_api_secret(),
    );
    if let Err(refusal) = signed {
        return Answer::refused(&Error::Refused(refusal)).into_response();
    }
    if client != credentials.gemini_client_id {
        return Answer::refused(&Error::Refused(Refusal::UnknownAccount)).into_response();
    }
    let work = || found(&state, tx_ref);
    let answer = attempt(&state, &format!("gemini/read/{tx_ref}"), work);
    answer
        .lying(state.sandbox.lie_about(Custodian::Gemini, tx_ref), &LIES)
        .await
}

fn found(state: &AppState, tx_ref: Uuid) -> Answer {
    let Some(transfer) = state.sandbox.find(Custodian::Gemini, tx_ref) else {
        let body = json!({
            "result": "Error", "reason": "PaymentNotFound", "tx_ref": tx_ref,
            "amount": null, "currency": null, "destination": null, "status": null,
        });
        return Answer {
            status: StatusCode::NOT_FOUND,
            body,
        };
    };
    Answer::ok(json!({
        "result": "OK",
        "tx_ref": transfer.message,
        "amount": transfer.amount.to_string(),
        "currency": transfer.currency.as_str(),
        "destination": transfer.destination.as_str(),
        "status": transfer.status(state.sandbox.now()).as_str(),
        "reason": null,
    }))
}
