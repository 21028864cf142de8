//! An account at the sandbox custodian.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use http::StatusCode;
use messages::money::Amount;
use serde_json::json;
use uuid::Uuid;

use super::{Draft, Method, PayError, Payer};
use crate::transport::{Request, Transport};

/// Whose API shows the account's transfers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Custodian {
    /// Gemini's.
    Gemini,
    /// Uphold's.
    Uphold,
}

/// An account with money at the sandbox custodian.
#[derive(Clone)]
pub struct SandboxAccount {
    /// The sandbox.
    pub api: Arc<dyn Transport>,
    /// Whose API shows its transfers.
    pub custodian: Custodian,
    /// The account.
    pub account: String,
    /// The settlement address that transfers go to.
    pub destination: String,
    /// When transfers arrive, if not at once: they are pending until then.
    pub arrives_at: Option<DateTime<Utc>>,
}

impl std::fmt::Debug for SandboxAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SandboxAccount")
            .field("custodian", &self.custodian)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Payer for SandboxAccount {
    fn draft(&self, reference: Uuid, amount: Amount, currency: &str) -> Draft {
        let method = match self.custodian {
            Custodian::Gemini => Method::Gemini,
            Custodian::Uphold => Method::Uphold { id: Uuid::new_v4() },
        };
        Draft {
            reference,
            amount,
            currency: currency.to_owned(),
            method,
            recorded: false,
        }
    }

    async fn send(&self, draft: &Draft) -> Result<(), PayError> {
        let (custodian, id) = match draft.method {
            Method::AnonymousCard { .. } => return Err(PayError::Refused),
            Method::Gemini => ("gemini", None),
            Method::Uphold { id } => ("uphold", Some(id)),
        };
        let body = json!({
            "custodian": custodian,
            "id": id,
            "from": self.account,
            "amount": draft.amount,
            "currency": draft.currency,
            "destination": self.destination,
            "message": draft.reference.to_string(),
            "completesAt": self.arrives_at,
        });
        let request = Request::post("/sandbox/transfers", body.to_string().into_bytes());
        let answer = self.api.send(&request).await;
        let answer = answer.map_err(|_| PayError::Unavailable)?;
        // 409: the transfer with this id was made by an earlier attempt.
        if answer.status.is_success() || answer.status == StatusCode::CONFLICT {
            Ok(())
        } else if answer.is_temporary() {
            Err(PayError::Unavailable)
        } else {
            Err(PayError::Refused)
        }
    }
}
