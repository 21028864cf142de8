//! What payments asks of challenge-bypass: its native API, `/v4` (contracts §4), over mutual TLS.
//!
//! Connections are kept: a handshake costs more than a redemption. Every call is tried once and bounded in time, in
//! both directions. What it means that an answer was lost is for the caller to decide: each call of this API may be
//! repeated with the same bytes.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use messages::{
    BlindedToken, SigningRequestId,
    challenge_bypass::{
        Issuer, IssuerTerms, RedemptionRequest, RedemptionResponse, SigningRequest, SigningResponse,
    },
    directory::{Directory, KeyChange},
    problem::{Problem, Slug},
};
use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use service_kit::tls::{ClientTls, TlsError, http_client};
use url::Url;

/// How long a call may take, from connecting to the last byte of the answer (contracts §2, votes, step 2).
pub const CALL_TIMEOUT: Duration = Duration::from_secs(8);

/// The largest answer that is read, in bytes: a directory of some 10,000 entries, decades of keys.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Calls challenge-bypass. Clones share their connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
}

impl Client {
    /// A client of the service at `base`, which `tls` says how to check and how to show ourselves to.
    pub fn new(base: Url, tls: &ClientTls) -> Result<Self, TlsError> {
        let http = http_client(tls, CALL_TIMEOUT)?;
        Ok(Self { http, base })
    }

    /// Makes the issuer `name`, or finds that it exists with the same terms.
    pub async fn put_issuer(&self, name: &str, terms: &IssuerTerms) -> Result<Issuer, Error> {
        let call = self.call(Method::PUT, &["v4", "issuers", name]).json(terms);
        answer(call).await
    }

    /// The issuer `name` with its keys and what they did.
    pub async fn issuer(&self, name: &str) -> Result<Issuer, Error> {
        answer(self.call(Method::GET, &["v4", "issuers", name])).await
    }

    /// Has `issuer` sign `blinded_tokens`. A repeat under the same `request_id` is not counted again.
    pub async fn sign(
        &self,
        issuer: &str,
        request_id: SigningRequestId,
        blinded_tokens: Vec<BlindedToken>,
    ) -> Result<SigningResponse, Error> {
        let count = blinded_tokens.len();
        let body = SigningRequest {
            request_id,
            blinded_tokens,
        };
        let path = ["v4", "issuers", issuer, "signatures"];
        let signed: SigningResponse = answer(self.call(Method::POST, &path).json(&body)).await?;
        if signed.signed_tokens.len() != count {
            return Err(Unusable::Body.into());
        }
        Ok(signed)
    }

    /// Redeems all tokens of `request`, or none.
    pub async fn redeem(&self, request: &RedemptionRequest) -> Result<RedemptionResponse, Error> {
        let call = self.call(Method::POST, &["v4", "redemptions"]);
        answer(call.json(request)).await
    }

    /// The key directory, without heads: those are signed here.
    pub async fn key_directory(&self) -> Result<Directory, Error> {
        answer(self.call(Method::GET, &["v4", "key-directory"])).await
    }

    /// Appends that the directory key was changed, unless it was, and returns the directory.
    pub async fn post_directory_key(&self, change: &KeyChange) -> Result<Directory, Error> {
        let call = self.call(Method::POST, &["v4", "directory-keys"]);
        answer(call.json(change)).await
    }

    fn call(&self, method: Method, path: &[&str]) -> reqwest::RequestBuilder {
        let mut url = self.base.clone();
        // An address that cannot have a path fails in `send`, like any other that leads nowhere.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        self.http.request(method, url)
    }
}

/// Who keeps issuers and their keys: challenge-bypass.
#[async_trait]
pub trait Issuers: fmt::Debug + Send + Sync {
    /// Makes the issuer `name`, or finds that it exists with the same terms.
    async fn put(&self, name: &str, terms: &IssuerTerms) -> Result<Issuer, Error>;

    /// The issuer `name` with its keys and what they did.
    async fn get(&self, name: &str) -> Result<Issuer, Error>;

    /// The key directory, without heads: those are signed here.
    async fn directory(&self) -> Result<Directory, Error>;

    /// Appends that the directory key was changed, unless it was, and returns the directory.
    async fn change_directory_key(&self, change: &KeyChange) -> Result<Directory, Error>;
}

#[async_trait]
impl Issuers for Client {
    async fn put(&self, name: &str, terms: &IssuerTerms) -> Result<Issuer, Error> {
        self.put_issuer(name, terms).await
    }

    async fn get(&self, name: &str) -> Result<Issuer, Error> {
        self.issuer(name).await
    }

    async fn directory(&self) -> Result<Directory, Error> {
        self.key_directory().await
    }

    async fn change_directory_key(&self, change: &KeyChange) -> Result<Directory, Error> {
        self.post_directory_key(change).await
    }
}

/// Shows the address and nothing of the certificates.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("host", &self.base.host_str())
            .finish_non_exhaustive()
    }
}

/// Why a call brought no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It was understood and refused; nothing was done.
    #[error("challenge-bypass refused: {}", .0.as_str())]
    Refused(Slug),
    /// No answer came, or none that says what happened: the call may or may not have had its effect.
    #[error("challenge-bypass gave no usable answer")]
    Unreachable(#[source] Unusable),
}

impl From<Unusable> for Error {
    fn from(cause: Unusable) -> Self {
        Self::Unreachable(cause)
    }
}

/// What was wrong with the answer, or why there was none. For logs; it holds nothing of a request.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The body is too long, or not what the API says.
    #[error("its answer does not fit the API")]
    Body,
    /// A status that the API does not name for this call.
    #[error("it answered with status {0}")]
    Status(StatusCode),
    /// The connection failed or time ran out.
    #[error("the connection failed")]
    Transport(#[source] reqwest::Error),
}

impl Unusable {
    fn transport(error: reqwest::Error) -> Self {
        Self::Transport(error.without_url())
    }
}

async fn answer<T: DeserializeOwned>(call: reqwest::RequestBuilder) -> Result<T, Error> {
    let response = call.send().await.map_err(Unusable::transport)?;
    let status = response.status();
    let body = bounded_body(response).await?;
    if status.is_success() {
        return serde_json::from_slice(&body).map_err(|_| Unusable::Body.into());
    }
    let slug = serde_json::from_slice::<Problem>(&body)
        .ok()
        .and_then(|problem| problem.slug())
        .filter(|slug| slug.status() == status.as_u16() && is_a_decision(*slug, status));
    Err(slug.map_or_else(|| Unusable::Status(status).into(), Error::Refused))
}

/// Whether a refusal was decided on the request itself, so that repeating it at once cannot help. The two states of
/// the registry are server errors that an operator has to end; every other one may pass by itself.
fn is_a_decision(slug: Slug, status: StatusCode) -> bool {
    let of_the_registry = matches!(slug, Slug::RegistryBehind | Slug::RegistryInconsistent);
    let about_the_caller = matches!(slug, Slug::TooManyRequests | Slug::Unauthorized);
    of_the_registry || (status.is_client_error() && !about_the_caller)
}

async fn bounded_body(mut response: reqwest::Response) -> Result<Vec<u8>, Unusable> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Unusable::transport)? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(Unusable::Body);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_decision_on_the_request_counts_as_a_refusal() {
        let decided =
            |slug: Slug| is_a_decision(slug, StatusCode::from_u16(slug.status()).unwrap());

        assert!(decided(Slug::TokenAlreadyRedeemed));
        assert!(decided(Slug::KeyExpired));
        assert!(decided(Slug::RegistryBehind));
        assert!(!decided(Slug::Overloaded));
        assert!(!decided(Slug::TooManyRequests));
        assert!(!decided(Slug::Internal));
    }
}
