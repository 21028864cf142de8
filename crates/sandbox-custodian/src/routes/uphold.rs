//! Uphold's API, as far as payments uses it (contracts §2).

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, header::AUTHORIZATION},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use chrono::{DateTime, SecondsFormat, Utc};
use messages::payments::CardTransfer;
use serde_json::{Value, json};
use service_kit::extract::Path;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use crate::{
    AppState,
    domain::{Address, Currency, Custodian, QuoteRequest, Refusal, Transfer},
    routes::{Answer, LieMembers, attempt},
    sandbox::Error,
    signatures,
};

const LIES: LieMembers = LieMembers {
    id: "/id",
    currency: "/destination/currency",
    destination: &["/destination/CardId", "/destination/node/id"],
};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/v0/me/transactions/{id}", get(read))
        .route("/v0/me/cards/{card}/transactions", post(quote))
        .route("/v0/me/cards/{card}/transactions/{id}/commit", post(commit))
}

/// A transaction by its id.
async fn read(State(state): State<AppState>, Path(id): Path<Uuid>, headers: HeaderMap) -> Response {
    if let Err(answer) = authorize(&state, &headers) {
        return answer.into_response();
    }
    let answer = attempt(&state, &format!("uphold/read/{id}"), || {
        match state.sandbox.find(Custodian::Uphold, id) {
            Some(transfer) => Answer::ok(shown(&transfer, state.sandbox.now())),
            None => Answer::refused(&Error::Refused(Refusal::UnknownTransfer)),
        }
    });
    answer
        .lying(state.sandbox.lie_about(Custodian::Uphold, id), &LIES)
        .await
}

/// A quote for the transfer that the card's holder signed. Nothing moves before its commit.
async fn quote(
    State(state): State<AppState>,
    Path(card): Path<Uuid>,
    headers: HeaderMap,
    octets: Bytes,
) -> Response {
    if let Err(answer) = authorize(&state, &headers) {
        return answer.into_response();
    }
    let work = || match quoted(&state, card, &headers, &octets) {
        Ok(transfer) => Answer::ok(shown(&transfer, state.sandbox.now())),
        Err(error) => Answer::refused(&error),
    };
    attempt(&state, &format!("uphold/quote/{card}"), work).into_response()
}

/// Commits a quote. Again is harmless: the transaction is answered as it stands.
async fn commit(
    State(state): State<AppState>,
    Path((card, id)): Path<(Uuid, Uuid)>,
    headers: HeaderMap,
) -> Response {
    if let Err(answer) = authorize(&state, &headers) {
        return answer.into_response();
    }
    let work = || match address(card).and_then(|card| state.sandbox.commit(&card, id)) {
        Ok(transfer) => Answer::ok(shown(&transfer, state.sandbox.now())),
        Err(error) => Answer::refused(&error),
    };
    let answer = attempt(&state, &format!("uphold/commit/{id}"), work);
    answer
        .lying(state.sandbox.lie_about(Custodian::Uphold, id), &LIES)
        .await
}

fn quoted(
    state: &AppState,
    card: Uuid,
    headers: &HeaderMap,
    octets: &[u8],
) -> Result<Transfer, Error> {
    let card = address(card)?;
    let account = state
        .sandbox
        .account(&card)
        .ok_or(Refusal::UnknownAccount)?;
    let key = account.public_key().ok_or(Refusal::UnknownAccount)?;
    signatures::check_card(headers, octets, key)?;

    let transfer: CardTransfer = serde_json::from_slice(octets).map_err(|_| Refusal::Malformed)?;
    let denomination = transfer.denomination;
    state.sandbox.quote(QuoteRequest {
        card,
        amount: denomination.amount,
        currency: Currency::try_from(denomination.currency).map_err(|_| Refusal::Malformed)?,
        destination: Address::try_from(transfer.destination).map_err(|_| Refusal::Malformed)?,
        message: transfer.message,
    })
}

fn address(card: Uuid) -> Result<Address, Error> {
    Address::try_from(card.to_string()).map_err(|_| Error::Refused(Refusal::Malformed))
}

fn authorize(state: &AppState, headers: &HeaderMap) -> Result<(), Answer> {
    let expected = format!("Bearer {}", state.credentials.uphold_token());
    let given = headers
        .get(AUTHORIZATION)
        .map_or(&[][..], http::HeaderValue::as_bytes);
    if bool::from(given.ct_eq(expected.as_bytes())) {
        Ok(())
    } else {
        Err(Answer::refused(&Error::Refused(Refusal::Unauthorized)))
    }
}

/// A transfer as Uphold shows it. A user's own transfer names a card of ours by `CardId`, a card's
/// transfer names the node: Uphold has both forms, and payments must read both.
fn shown(transfer: &Transfer, now: DateTime<Utc>) -> Value {
    let mut destination = json!({
        "currency": transfer.currency.as_str(),
        "amount": transfer.amount.to_string(),
    });
    let (member, place) = if transfer.from_card {
        (
            "node",
            json!({"type": "card", "id": transfer.destination.as_str()}),
        )
    } else {
        ("CardId", Value::from(transfer.destination.as_str()))
    };
    if let Some(members) = destination.as_object_mut() {
        members.insert(member.to_owned(), place);
    }
    json!({
        "id": transfer.id,
        "status": transfer.status(now).as_str(),
        "message": transfer.message,
        "createdAt": transfer.created_at.to_rfc3339_opts(SecondsFormat::Millis, true),
        "destination": destination,
    })
}
