//! The HTTP of the sandbox: two custodians', and its own.

mod gemini;
mod sandbox;
mod uphold;

use std::time::Duration;

use axum::{
    Router,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::{
    AppState,
    domain::{Failure, Lie, Refusal},
    sandbox::Error,
};

/// Later than payments waits for a custodian (4 s), and sooner than a handler's time-out.
const SLOW: Duration = Duration::from_secs(6);

/// All routes.
pub(crate) fn router(state: AppState) -> Router {
    Router::new()
        .merge(gemini::router())
        .merge(sandbox::router())
        .merge(uphold::router())
        .with_state(state)
}

/// Carries out one attempt at `request`, unless this attempt is one that fails.
fn attempt(state: &AppState, request: &str, work: impl FnOnce() -> Answer) -> Answer {
    match state.sandbox.next_attempt(request) {
        None => work(),
        Some(Failure::AnswerLost) => {
            let _lost = work();
            Answer::unavailable()
        }
        Some(Failure::Refused) => Answer::unavailable(),
    }
}

/// What a custodian answers, before it lies.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    body: Value,
}

impl Answer {
    fn ok(body: Value) -> Self {
        Self {
            status: StatusCode::OK,
            body,
        }
    }

    fn unavailable() -> Self {
        let body = json!({"code": "service_unavailable"});
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            body,
        }
    }

    fn refused(error: &Error) -> Self {
        let (status, code) = match error {
            Error::Journal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
            Error::Refused(refusal) => of_refusal(*refusal),
        };
        Self {
            status,
            body: json!({"code": code}),
        }
    }

    /// The answer as it is sent, with `lie` told about it. The members that a lie alters are
    /// found by the pointers, so that the two custodians share this.
    async fn lying(mut self, lie: Option<Lie>, members: &LieMembers) -> Response {
        match lie {
            None => {}
            Some(Lie::Garbage) => return "<html>".into_response(),
            Some(Lie::OtherCurrency) => self.alter(members.currency, "USD"),
            Some(Lie::OtherDestination) => {
                for pointer in members.destination {
                    self.alter(pointer, "11111111-1111-4111-8111-111111111111");
                }
            }
            Some(Lie::ServerError) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            Some(Lie::Slow) => tokio::time::sleep(SLOW).await,
            Some(Lie::WrongId) => self.alter(members.id, "22222222-2222-4222-8222-222222222222"),
        }
        self.into_response()
    }

    fn alter(&mut self, pointer: &str, text: &str) {
        if let Some(member) = self.body.pointer_mut(pointer) {
            *member = Value::String(text.to_owned());
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        (
            self.status,
            [(CONTENT_TYPE, "application/json")],
            self.body.to_string(),
        )
            .into_response()
    }
}

/// Where the members stand that lies alter, as JSON pointers.
struct LieMembers {
    id: &'static str,
    currency: &'static str,
    destination: &'static [&'static str],
}

/// The status and the code of a refusal.
fn of_refusal(refusal: Refusal) -> (StatusCode, &'static str) {
    match refusal {
        Refusal::IdTaken => (StatusCode::CONFLICT, "id_taken"),
        Refusal::InsufficientFunds => (StatusCode::BAD_REQUEST, "insufficient_funds"),
        Refusal::InvalidAmount => (StatusCode::BAD_REQUEST, "invalid_amount"),
        Refusal::InvalidSignature => (StatusCode::FORBIDDEN, "invalid_signature"),
        Refusal::Malformed => (StatusCode::BAD_REQUEST, "malformed"),
        Refusal::QuoteLapsed => (StatusCode::CONFLICT, "quote_lapsed"),
        Refusal::SandboxFull => (StatusCode::INSUFFICIENT_STORAGE, "sandbox_full"),
        Refusal::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
        Refusal::UnknownAccount => (StatusCode::NOT_FOUND, "unknown_account"),
        Refusal::UnknownTransfer => (StatusCode::NOT_FOUND, "not_found"),
    }
}
