//! A buyer's line to a service, and what goes over it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use blindtally::system::{Layout, ServiceName};
use chrono::{DateTime, TimeDelta, Utc};
use client::transport::{Answer, Request, Transport, TransportError};
use clock::Clock;
use messages::{
    BlindedToken,
    payments::{CredentialsRequest, Order},
};
use url::Url;
use uuid::Uuid;

/// What every request of the month says about its sender, and nothing may keep.
pub(crate) const SENDER: [&str; 3] = [
    "a-browser-of-the-month/4.19",
    "5e1ec7ed-1111-4111-8111-00000000cafe",
    "127.77.31.9",
];

/// Everybody is shown the same directory; it is fetched again after so long.
const FRESH_FOR: TimeDelta = TimeDelta::hours(12);

/// What one buyer's purchase left behind on its own side.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trail {
    /// The order, and its only item.
    pub(crate) order: Option<(Uuid, Uuid)>,
    /// What allows to use it.
    pub(crate) capability: String,
    /// The points that were signed.
    pub(crate) points: Vec<BlindedToken>,
}

/// Answers by path, and when they were given.
type Known = BTreeMap<String, (DateTime<Utc>, Answer)>;

/// Connections to one service, which all buyers share, and the answers that are the same for all.
///
/// Browsers use a connection for each request, which U4 proves; here only what is stored counts.
#[derive(Clone)]
pub(crate) struct Exchange {
    http: reqwest::Client,
    base: Url,
    clock: Clock,
    known: Arc<Mutex<Known>>,
}

impl Exchange {
    pub(crate) fn with(layout: &Layout, service: ServiceName, clock: Clock) -> Self {
        let tls = client::pin::client_config(&[layout.pin(service).unwrap()]).unwrap();
        let [agent, _, address] = SENDER;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .no_proxy()
            .user_agent(agent)
            .local_address(address.parse::<std::net::IpAddr>().unwrap())
            .pool_idle_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(30));
        Self {
            http: http.build().unwrap(),
            base: layout.url(service),
            clock,
            known: Arc::default(),
        }
    }

    async fn ask(&self, request: &Request) -> Result<Answer, TransportError> {
        let url = self.base.join(&request.path)?;
        let [_, id, address] = SENDER;
        let mut sent = self.http.request(request.method.clone(), url);
        sent = sent
            .header("x-request-id", id)
            .header("x-forwarded-for", address);
        if let Some(value) = &request.authorization {
            sent = sent.header(http::header::AUTHORIZATION, value);
        }
        if let Some(value) = &request.idempotency_key {
            sent = sent.header("Idempotency-Key", value);
        }
        if let Some(body) = &request.body {
            sent = sent
                .header(http::header::CONTENT_TYPE, "application/json")
                .body(body.clone());
        }
        let answer = sent.send().await.map_err(TransportError::Unreachable)?;
        Ok(Answer {
            status: answer.status(),
            retry_after_seconds: None,
            body: answer
                .bytes()
                .await
                .map_err(TransportError::Unreachable)?
                .to_vec(),
        })
    }

    /// An answer that everybody gets, at most [`FRESH_FOR`] old.
    async fn common(&self, request: &Request) -> Result<Answer, TransportError> {
        let now = self.clock.now();
        if let Some((at, answer)) = self.known.lock().unwrap().get(&request.path)
            && now < *at + FRESH_FOR
        {
            return Ok(answer.clone());
        }
        let answer = self.ask(request).await?;
        let known = (now, answer.clone());
        self.known
            .lock()
            .unwrap()
            .insert(request.path.clone(), known);
        Ok(answer)
    }
}

#[async_trait]
impl Transport for Exchange {
    async fn send(&self, request: &Request) -> Result<Answer, TransportError> {
        match request.path.as_str() {
            "/v1/key-directory" | "/v1/directory-heads" => self.common(request).await,
            _ => self.ask(request).await,
        }
    }
}

/// One buyer's use of an [`Exchange`], with a note of what identifies the purchase.
pub(crate) struct Line {
    pub(crate) exchange: Exchange,
    pub(crate) trail: Arc<Mutex<Trail>>,
}

#[async_trait]
impl Transport for Line {
    async fn send(&self, request: &Request) -> Result<Answer, TransportError> {
        let answer = self.exchange.send(request).await?;
        let mut trail = self.trail.lock().unwrap();
        if request.path == "/v1/orders" && answer.status.is_success() {
            let order: Order = serde_json::from_slice(&answer.body).unwrap();
            trail.order = Some((order.id, order.items.first().unwrap().id));
            trail.capability = order.capability.unwrap();
        }
        if let Some(body) = &request.body
            && request.path.ends_with("/credentials")
        {
            let sent: CredentialsRequest = serde_json::from_slice(body).unwrap();
            trail.points = sent.blinded_creds;
        }
        drop(trail);
        Ok(answer)
    }
}
