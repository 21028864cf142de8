//! One request, one connection.
//!
//! Everything else in this crate sees a [`Transport`]: the pinned one below, or a test's.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use http::{Method, StatusCode};
use messages::star::{THRESHOLD_HEADER, VERSION_HEADER};
use rustls::ClientConfig;
use url::Url;

use crate::{Pin, pin};

/// What a server may send at most. The largest honest answer is the key directory.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Longer than a server's handler may take (15 s), so that the server's answer is the one seen.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A request, as bytes: what a repeat sends is what was sent before.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path, with a leading slash.
    pub path: String,
    /// Value of `Authorization`, for requests about an order.
    pub authorization: Option<String>,
    /// Value of `Idempotency-Key`, where an order is made.
    pub idempotency_key: Option<String>,
    /// What a measurement's message is sent with; `None` for requests of JSON.
    pub measurement: Option<MeasurementHeaders>,
    /// The body: JSON, or a measurement's message.
    pub body: Option<Vec<u8>>,
}

/// The headers of a measurement's message.
#[derive(Clone, Copy, Debug)]
pub struct MeasurementHeaders {
    /// The client's version.
    pub version: &'static str,
    /// The message's threshold.
    pub threshold: u32,
}

impl Request {
    /// Asks for `path`.
    pub fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            authorization: None,
            idempotency_key: None,
            measurement: None,
            body: None,
        }
    }

    /// Sends `body`, which is JSON.
    pub fn post(path: impl Into<String>, body: Vec<u8>) -> Self {
        Self {
            method: Method::POST,
            body: Some(body),
            ..Self::get(path)
        }
    }

    /// Shows the order's capability.
    #[must_use]
    pub fn with_capability(mut self, capability: &str) -> Self {
        self.authorization = Some(format!("Bearer {capability}"));
        self
    }
}

/// Shows the method only: paths name orders, bodies hold tokens and headers hold capabilities.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// An answer.
#[derive(Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// `Retry-After`, in seconds, where the server named one.
    pub retry_after_seconds: Option<u32>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The slug of the problem document in the body, if there is one.
    pub fn problem(&self) -> Option<String> {
        let document: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        let name = document.get("type")?.as_str()?;
        name.strip_prefix("urn:blindtally:problem:")
            .map(ToOwned::to_owned)
    }

    /// Whether asking again may help: the server was busy, or failed.
    pub fn is_temporary(&self) -> bool {
        self.status.is_server_error()
            || self.status == StatusCode::TOO_MANY_REQUESTS
            || self.status == StatusCode::REQUEST_TIMEOUT
    }
}

/// Shows the status only.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// No answer: it is not known whether the server acted on the request.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The answer was longer than any honest one.
    #[error("the server's answer is too long")]
    TooLong,
    /// The connection failed, or the server did not prove to hold the pinned key.
    #[error("no answer from the server")]
    Unreachable(#[source] reqwest::Error),
    /// The TLS settings are not usable.
    #[error("TLS could not be set up")]
    Tls(#[from] rustls::Error),
    /// The address of the server and the path do not make a URL.
    #[error("not a URL")]
    Url(#[from] url::ParseError),
}

/// Carries requests to one server.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends a request over a connection of its own and waits for the answer.
    async fn send(&self, request: &Request) -> Result<Answer, TransportError>;
}

/// HTTPS to a server with a pinned key, a fresh connection for each request.
#[derive(Clone)]
pub struct PinnedHttps {
    base: Url,
    tls: Arc<ClientConfig>,
}

impl PinnedHttps {
    /// Talks to the server at `base`, if its key has one of `pins`.
    pub fn new(base: Url, pins: &[Pin]) -> Result<Self, TransportError> {
        Ok(Self {
            base,
            tls: Arc::new(pin::client_config(pins)?),
        })
    }

    /// A client that knows no earlier connection, follows no redirect and uses no proxy.
    fn fresh(&self) -> Result<reqwest::Client, TransportError> {
        reqwest::Client::builder()
            .tls_backend_preconfigured(ClientConfig::clone(&self.tls))
            .https_only(true)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .timeout(TIMEOUT)
            .build()
            .map_err(TransportError::Unreachable)
    }
}

impl fmt::Debug for PinnedHttps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PinnedHttps")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for PinnedHttps {
    async fn send(&self, request: &Request) -> Result<Answer, TransportError> {
        let url = self.base.join(&request.path)?;
        let mut builder = self.fresh()?.request(request.method.clone(), url);
        if let Some(value) = &request.authorization {
            builder = builder.header(http::header::AUTHORIZATION, value);
        }
        if let Some(value) = &request.idempotency_key {
            builder = builder.header("Idempotency-Key", value);
        }
        let mut body_type = "application/json";
        if let Some(MeasurementHeaders { version, threshold }) = request.measurement {
            body_type = "text/plain";
            builder = builder
                .header(VERSION_HEADER, version)
                .header(THRESHOLD_HEADER, threshold);
        }
        if let Some(body) = &request.body {
            builder = builder
                .header(http::header::CONTENT_TYPE, body_type)
                .body(body.clone());
        }
        let mut response = builder.send().await.map_err(TransportError::Unreachable)?;

        let retry_after_seconds = response
            .headers()
            .get(http::header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(TransportError::Unreachable)?
        {
            if body.len().saturating_add(chunk.len()) > ANSWER_BYTES_MAX {
                return Err(TransportError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status: response.status(),
            retry_after_seconds,
            body,
        })
    }
}
