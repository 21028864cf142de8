//! The two signatures that custodians ask for: a card's, and Gemini's.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, VerifyingKey};
use hmac::{Hmac, Mac as _};
use http::{HeaderMap, HeaderName};
use messages::encoding::PublicKey;
use serde::Deserialize;
use sha2::{Digest as _, Sha256, Sha384};

use crate::domain::Refusal;

/// Checks that the card's holder signed `octets`: `digest` is theirs, and `signature` an HTTP
/// signature over `digest` under the card's key.
pub(crate) fn check_card(
    headers: &HeaderMap,
    octets: &[u8],
    key: &PublicKey,
) -> Result<(), Refusal> {
    let digest = text(headers, &HeaderName::from_static("digest"))?;
    if digest != format!("SHA-256={}", STANDARD.encode(Sha256::digest(octets))) {
        return Err(Refusal::InvalidSignature);
    }
    let parameters = text(headers, &HeaderName::from_static("signature"))?;
    let expected = [("algorithm", "ed25519"), ("headers", "digest")];
    if expected
        .iter()
        .any(|(name, value)| parameter(parameters, name) != Some(value))
    {
        return Err(Refusal::InvalidSignature);
    }
    let signature = parameter(parameters, "signature").ok_or(Refusal::InvalidSignature)?;
    let signature = STANDARD
        .decode(signature)
        .map_err(|_| Refusal::InvalidSignature)?;
    let signature = Signature::from_slice(&signature).map_err(|_| Refusal::InvalidSignature)?;
    let key = VerifyingKey::from_bytes(key.as_bytes()).map_err(|_| Refusal::InvalidSignature)?;
    key.verify_strict(format!("digest: {digest}").as_bytes(), &signature)
        .map_err(|_| Refusal::InvalidSignature)
}

/// Gemini's `X-GEMINI-PAYLOAD`, decoded.
#[derive(Deserialize)]
struct GeminiPayload {
    request: String,
    nonce: serde_json::Value,
}

/// Checks that whoever knows `api_secret` asked for `path`.
pub(crate) fn check_gemini(
    headers: &HeaderMap,
    path: &str,
    api_key: &str,
    api_secret: &[u8],
) -> Result<(), Refusal> {
    if text(headers, &HeaderName::from_static("x-gemini-apikey"))? != api_key {
        return Err(Refusal::Unauthorized);
    }
    let payload = text(headers, &HeaderName::from_static("x-gemini-payload"))?;
    let signature = text(headers, &HeaderName::from_static("x-gemini-signature"))?;
    let signature = hex::decode(signature).map_err(|_| Refusal::Unauthorized)?;
    let mut mac = Hmac::<Sha384>::new_from_slice(api_secret).map_err(|_| Refusal::Unauthorized)?;
    mac.update(payload.as_bytes());
    mac.verify_slice(&signature)
        .map_err(|_| Refusal::Unauthorized)?;

    let payload = STANDARD.decode(payload).map_err(|_| Refusal::Malformed)?;
    let payload: GeminiPayload =
        serde_json::from_slice(&payload).map_err(|_| Refusal::Malformed)?;
    let nonce_millis = match &payload.nonce {
        serde_json::Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    };
    if payload.request != path || nonce_millis.unwrap_or(0) == 0 {
        return Err(Refusal::Unauthorized);
    }
    Ok(())
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a str, Refusal> {
    let value = headers.get(name).ok_or(Refusal::Unauthorized)?;
    value.to_str().map_err(|_| Refusal::Unauthorized)
}

/// The value of `name="value"` in a list that commas separate.
fn parameter<'a>(list: &'a str, name: &str) -> Option<&'a str> {
    list.split(',')
        .filter_map(|item| item.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .and_then(|(_, value)| value.strip_prefix('"')?.strip_suffix('"'))
}
