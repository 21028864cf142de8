//! Uphold: look-ups of its users' transfers, and transfers of anonymous cards.

use std::fmt;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use messages::{money::Amount, payments::SignedTransfer};
use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;
use uuid::Uuid;

use super::{CallLimits, CustodianError, SetupError, call::Caller};
use crate::{
    config::Uphold as Settings,
    domain::transfer::{Answer, TransferStatus},
};

/// Uphold's API, as far as it is used.
pub(super) struct Uphold {
    http: reqwest::Client,
    base: Url,
    token: SecretString,
    settlement_address: String,
    caller: Caller,
}

impl Uphold {
    pub(super) fn new(
        settings: &Settings,
        http: reqwest::Client,
        limits: CallLimits,
    ) -> Result<Self, SetupError> {
        Ok(Self {
            http,
            base: settings.url.clone(),
            token: settings.token_file.read_text()?,
            settlement_address: settings.settlement_address.clone(),
            caller: Caller::new(limits),
        })
    }

    pub(super) fn settlement_address(&self) -> &str {
        &self.settlement_address
    }

    pub(super) async fn look_up(&self, id: &str) -> Result<Answer, CustodianError> {
        let path = ["v0", "me", "transactions", id];
        self.caller
            .call::<Transaction>(|| self.request(Method::GET, &path))
            .await?
            .answer()
    }

    /// Passes on exactly what the card's key signed, so that Uphold checks the same bytes.
    pub(super) async fn quote(
        &self,
        card: Uuid,
        signed: &SignedTransfer,
    ) -> Result<Answer, CustodianError> {
        let card = card.to_string();
        let path = ["v0", "me", "cards", &card, "transactions"];
        let request = || {
            self.request(Method::POST, &path)
                .header("digest", &signed.headers.digest)
                .header("signature", &signed.headers.signature)
                .header(CONTENT_TYPE, "application/json")
                .body(signed.octets.clone())
        };
        match self.caller.call::<Transaction>(request).await {
            Ok(transaction) => transaction.answer(),
            // There is no such card.
            Err(CustodianError::NotFound) => Err(CustodianError::Refused),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn commit(&self, card: Uuid, id: &str) -> Result<Answer, CustodianError> {
        let card = card.to_string();
        let path = ["v0", "me", "cards", &card, "transactions", id, "commit"];
        self.caller
            .call::<Transaction>(|| self.request(Method::POST, &path))
            .await?
            .answer()
    }

    fn request(&self, method: Method, path: &[&str]) -> reqwest::RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let bearer = format!("Bearer {}", self.token.expose_secret());
        self.http.request(method, url).header(AUTHORIZATION, bearer)
    }
}

/// Shows where it is, and not the token.
impl fmt::Debug for Uphold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uphold")
            .field("host", &self.base.host_str())
            .finish_non_exhaustive()
    }
}

/// A transaction as Uphold describes it. What is not needed is not read.
#[derive(Deserialize)]
struct Transaction {
    id: String,
    status: String,
    message: Option<String>,
    destination: Destination,
}

#[derive(Deserialize)]
struct Destination {
    #[serde(rename = "CardId")]
    card_id: Option<String>,
    node: Option<Node>,
    currency: String,
    amount: Amount,
}

#[derive(Deserialize)]
struct Node {
    id: Option<String>,
}

impl Transaction {
    fn answer(self) -> Result<Answer, CustodianError> {
        let node = || self.destination.node.and_then(|node| node.id);
        let destination = self.destination.card_id.or_else(node);
        Ok(Answer {
            id: self.id,
            reference: self.message,
            destination: destination.ok_or(CustodianError::Invalid)?,
            currency: self.destination.currency,
            amount: self.destination.amount,
            status: status(&self.status)?,
        })
    }
}

fn status(text: &str) -> Result<TransferStatus, CustodianError> {
    match text {
        "canceled" | "cancelled" => Ok(TransferStatus::Canceled),
        "completed" => Ok(TransferStatus::Completed),
        "failed" => Ok(TransferStatus::Failed),
        "pending" | "waiting" => Ok(TransferStatus::Pending),
        "processing" => Ok(TransferStatus::Processing),
        _ => Err(CustodianError::Invalid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Answer, CustodianError> {
        let read: Result<Transaction, _> = serde_json::from_str(text);
        read.map_err(|_| CustodianError::Invalid)?.answer()
    }

    const USERS: &str = r#"{"id":"t","status":"completed","message":"m","createdAt":"2026-01-01T00:00:00Z",
        "destination":{"CardId":"c","currency":"BAT","amount":"1.5","node":{"type":"card","id":"n"}}}"#;

    #[test]
    fn the_destination_is_the_card_and_else_the_node() {
        assert_eq!(read(USERS).unwrap().destination, "c");
        let card = USERS.replace(r#""CardId":"c","#, "");
        assert_eq!(read(&card).unwrap().destination, "n");
        let nowhere = card.replace(r#","id":"n""#, "");
        assert_eq!(read(&nowhere), Err(CustodianError::Invalid));
    }

    #[test]
    fn what_cannot_be_understood_is_invalid() {
        for wrong in [
            USERS.replace("completed", "done"),
            USERS.replace("1.5", "-1.5"),
            USERS.replace("1.5", "1e5"),
            USERS.replace("\"1.5\"", "1.5"),
            USERS.replace(r#""id":"t","#, ""),
            USERS.replace("BAT\"", "BAT\","),
            "null".to_owned(),
            "[]".to_owned(),
        ] {
            assert_eq!(read(&wrong), Err(CustodianError::Invalid), "{wrong}");
        }
    }
}
