//! Gemini: look-ups of its users' payments.

use std::{
    fmt,
    sync::atomic::{AtomicI64, Ordering},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use messages::money::Amount;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::Sha384;
use url::Url;

use super::{CallLimits, CustodianError, SetupError, call::Caller};
use crate::{
    config::Gemini as Settings,
    domain::transfer::{Answer, TransferStatus},
};

/// Gemini's API, as far as it is used.
pub(super) struct Gemini {
    http: reqwest::Client,
    base: Url,
    client_id: String,
    api_key: SecretString,
    api_secret: SecretString,
    settlement_address: String,
    last_nonce: AtomicI64,
    caller: Caller,
}

impl Gemini {
    pub(super) fn new(
        settings: &Settings,
        http: reqwest::Client,
        limits: CallLimits,
    ) -> Result<Self, SetupError> {
        Ok(Self {
            http,
            base: settings.url.clone(),
            client_id: settings.client_id.clone(),
            api_key: settings.api_key_file.read_text()?,
            api_secret: settings.api_secret_file.read_text()?,
            settlement_address: settings.settlement_address.clone(),
            last_nonce: AtomicI64::new(0),
            caller: Caller::new(limits),
        })
    }

    pub(super) fn settlement_address(&self) -> &str {
        &self.settlement_address
    }

    /// A payment is known by the text that its payer put on it.
    pub(super) async fn look_up(&self, tx_ref: &str) -> Result<Answer, CustodianError> {
        self.caller
            .call::<Payment>(|| self.request(tx_ref))
            .await?
            .answer()
    }

    fn request(&self, tx_ref: &str) -> reqwest::RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments
                .pop_if_empty()
                .extend(["v1", "payment", &self.client_id, tx_ref]);
        }
        let payload = payload(url.path(), self.nonce());
        let signature = sign(&payload, self.api_secret.expose_secret().as_bytes());
        self.http
            .get(url)
            .header("x-gemini-apikey", self.api_key.expose_secret())
            .header("x-gemini-payload", payload)
            .header("x-gemini-signature", signature)
    }

    /// Milliseconds of real time, and always more than before: two look-ups in one millisecond are common.
    fn nonce(&self) -> i64 {
        let now = clock::real::unix_millis();
        let next = |last: i64| Some(now.max(last.saturating_add(1)));
        let last = self
            .last_nonce
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        now.max(last.unwrap_or(now).saturating_add(1))
    }
}

/// Shows where it is, and no secret.
impl fmt::Debug for Gemini {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gemini")
            .field("host", &self.base.host_str())
            .finish_non_exhaustive()
    }
}

fn payload(path: &str, nonce: i64) -> String {
    let payload = serde_json::json!({"request": path, "nonce": nonce});
    STANDARD.encode(payload.to_string())
}

fn sign(payload: &str, secret: &[u8]) -> String {
    let mac = Hmac::<Sha384>::new_from_slice(secret).expect("HMAC takes keys of any length");
    hex::encode(mac.chain_update(payload).finalize().into_bytes())
}

/// A payment as Gemini describes it. All but the reference may be missing.
#[derive(Deserialize)]
struct Payment {
    result: String,
    tx_ref: String,
    amount: Option<Amount>,
    currency: Option<String>,
    destination: Option<String>,
    status: Option<String>,
}

impl Payment {
    fn answer(self) -> Result<Answer, CustodianError> {
        if !self.result.eq_ignore_ascii_case("ok") {
            return Err(CustodianError::NotFound);
        }
        // Without these it cannot be told what the payment is; it may be asked for again later.
        let missing = CustodianError::Invalid;
        Ok(Answer {
            id: self.tx_ref.clone(),
            reference: Some(self.tx_ref),
            destination: self.destination.ok_or(missing)?,
            currency: self.currency.ok_or(missing)?,
            amount: self.amount.ok_or(missing)?,
            status: status(&self.status.ok_or(missing)?)?,
        })
    }
}

fn status(text: &str) -> Result<TransferStatus, CustodianError> {
    match text.to_ascii_lowercase().as_str() {
        "canceled" | "cancelled" => Ok(TransferStatus::Canceled),
        "completed" => Ok(TransferStatus::Completed),
        "failed" | "error" => Ok(TransferStatus::Failed),
        "pending" => Ok(TransferStatus::Pending),
        "processing" => Ok(TransferStatus::Processing),
        _ => Err(CustodianError::Invalid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAYMENT: &str = r#"{"result":"OK","tx_ref":"r","amount":"10","currency":"BAT",
        "destination":"d","status":"Completed","reason":null}"#;

    fn read(text: &str) -> Result<Answer, CustodianError> {
        let read: Result<Payment, _> = serde_json::from_str(text);
        read.map_err(|_| CustodianError::Invalid)?.answer()
    }

    #[test]
    fn a_payment_is_read_and_its_reference_is_its_id() {
        let answer = read(PAYMENT).unwrap();
        assert_eq!(
            (answer.id.as_str(), answer.reference.as_deref()),
            ("r", Some("r"))
        );
        assert_eq!(answer.status, TransferStatus::Completed);
    }

    #[test]
    fn missing_members_are_invalid_and_never_a_panic() {
        for member in ["amount", "currency", "destination", "status"] {
            let mut payment: serde_json::Value = serde_json::from_str(PAYMENT).unwrap();
            payment[member] = serde_json::Value::Null;
            assert_eq!(
                read(&payment.to_string()),
                Err(CustodianError::Invalid),
                "{member}"
            );
        }
        let error = PAYMENT.replace("\"OK\"", "\"Error\"");
        assert_eq!(read(&error), Err(CustodianError::NotFound));
        assert_eq!(
            read(&PAYMENT.replace("Completed", "??")),
            Err(CustodianError::Invalid)
        );
    }

    #[test]
    fn a_look_up_is_signed_as_gemini_asks() {
        let payload = payload("/v1/payment/c/r", 7);
        let decoded = STANDARD.decode(&payload).unwrap();
        let decoded: serde_json::Value = serde_json::from_slice(&decoded).unwrap();

        assert_eq!(
            decoded,
            serde_json::json!({"request": "/v1/payment/c/r", "nonce": 7})
        );
        // RFC 4231, test case 2.
        let mac = sign("what do ya want for nothing?", b"Jefe");
        assert!(mac.starts_with("af45d2e376484031617f78d2b58a6b1b"), "{mac}");
        assert_eq!(mac.len(), 96);
    }
}
