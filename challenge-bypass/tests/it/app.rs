//! A running service, and what payments does with it.

use std::{path::PathBuf, time::Duration};

use challenge_bypass::{Config, Deps, Rules, build, open_store};
use chrono::{DateTime, Utc};
use clock::{Clock, Simulation};
use messages::{
    KeyId, PublicKey,
    challenge_bypass::{
        Issuer, IssuerKey, RedemptionOutcome, RedemptionRequest, RedemptionResponse,
        SigningRequest, SigningResponse,
    },
    directory::Directory,
    encoding::Fixed,
    problem::{Problem, Slug},
};
use rand::{RngCore as _, rngs::OsRng};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use service_kit::{Running, secret::SecretFile, tls};

use crate::{
    pki::Pki,
    tokens::{Blinded, Held},
};

/// The issuer's name as payments uses it, and as it stands in a path.
pub(crate) const NAME: &str = "brave.com?sku=user-wallet-vote";
pub(crate) const PATH: &str = "/v4/issuers/brave.com%3Fsku%3Duser-wallet-vote";

/// When every test begins.
const START: &str = "2026-01-01T10:00:00Z";

/// How a test changes the settings.
type Change = Box<dyn Fn(&mut Config)>;

/// A running service with its files.
pub(crate) struct App {
    pub(crate) pki: Pki,
    folder: tempfile::TempDir,
    change: Change,
    clock: Clock,
    simulation: Simulation,
    running: Option<Running>,
    client: Client,
}

impl App {
    /// Without notice, so that the first key signs at once, and with the issuer.
    pub(crate) async fn start() -> Self {
        let app = Self::with(|config| config.keys.notice_hours = 0, Rules::default()).await;
        app.put_issuer().await;
        app
    }

    /// With an issuer and other decisions.
    pub(crate) async fn with_rules(rules: Rules) -> Self {
        let app = Self::with(|config| config.keys.notice_hours = 0, rules).await;
        app.put_issuer().await;
        app
    }

    /// With other settings, and without an issuer.
    pub(crate) async fn with(change: impl Fn(&mut Config) + 'static, rules: Rules) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pki = Pki::new(&folder.path().join("pki"));
        let (clock, simulation) = Clock::simulated(START.parse().unwrap());
        SecretFile::new(folder.path().join("sealing.key"))
            .create_key()
            .unwrap();
        let client = tls::http_client(&pki.client(Some("payments")), Duration::from_secs(20));
        let mut app = Self {
            client: client.unwrap(),
            running: None,
            pki,
            folder,
            change: Box::new(change),
            clock,
            simulation,
        };
        app.run(rules).await.unwrap();
        app
    }

    async fn run(&mut self, rules: Rules) -> anyhow::Result<()> {
        let deps = Deps {
            clock: self.clock.clone(),
            rules,
        };
        let service = build(self.config(), deps).await?;
        self.running = Some(service.start().await?);
        Ok(())
    }

    /// Stops the service and starts it again on its files.
    pub(crate) async fn restart(&mut self) -> anyhow::Result<()> {
        self.stop().await;
        self.run(Rules::default()).await
    }

    /// Starts the stopped service again.
    pub(crate) async fn run_again(&mut self) -> anyhow::Result<()> {
        self.run(Rules::default()).await
    }

    pub(crate) async fn stop(&mut self) {
        self.running.take().unwrap().stop().await.unwrap();
    }

    pub(crate) fn config(&self) -> Config {
        let mut config: Config = Config::sources()
            .set("database.url", self.database_url())
            .set(
                "keys.sealing_key_file",
                self.path("sealing.key").to_string_lossy(),
            )
            .set("http.listen", "127.0.0.1:0")
            .set("http.admin_listen", "127.0.0.1:0")
            .load()
            .unwrap();
        config.http.tls = self.pki.server("payments");
        (self.change)(&mut config);
        config
    }

    pub(crate) fn database_url(&self) -> String {
        format!("sqlite:{}", self.path("challenge-bypass.db").display())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn address(&self, path: &str) -> String {
        let port = self.running.as_ref().unwrap().api_addr.port();
        format!("https://localhost:{port}{path}")
    }

    pub(crate) fn admin_address(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.as_ref().unwrap().admin_addr)
    }

    /// Runs one SQL statement on the database behind the service's back.
    pub(crate) async fn sql(&self, statement: &'static str) {
        let pool = sqlx::SqlitePool::connect(&self.database_url())
            .await
            .unwrap();
        sqlx::query(statement).execute(&pool).await.unwrap();
        pool.close().await;
    }

    /// Whether the database still has a key's secret.
    pub(crate) async fn has_secret(&self, key: KeyId) -> bool {
        let store = open_store(&self.config(), Rules::default()).await.unwrap();
        let stored = store.key(key).await.unwrap().unwrap();
        store.close().await;
        stored.sealed.is_some()
    }

    /// Lives until `time`, jobs included.
    pub(crate) async fn live_until(&mut self, time: &str) {
        self.simulation.run_until(time.parse().unwrap()).await;
    }

    pub(crate) fn clock(&self) -> Clock {
        self.clock.clone()
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.address(path))
    }

    pub(crate) async fn post(&self, path: &str, body: &impl Serialize) -> Response {
        self.request(Method::POST, path)
            .json(body)
            .send()
            .await
            .unwrap()
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Response {
        self.request(Method::PUT, path)
            .json(body)
            .send()
            .await
            .unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    pub(crate) async fn put_issuer(&self) -> Issuer {
        let answer = self.put(PATH, &terms()).await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        answer.json().await.unwrap()
    }

    pub(crate) async fn keys(&self) -> Vec<IssuerKey> {
        let issuer: Issuer = ok(self.get(PATH).await).await;
        issuer.keys
    }

    /// Revokes the issuer's first key.
    pub(crate) async fn revoke_first_key(&self) {
        let key = self.keys().await[0].key_id;
        let path = format!("/v4/keys/{key}/revoke");
        let answer = self.request(Method::POST, &path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }

    pub(crate) async fn directory(&self) -> Directory {
        ok(self.get("/v4/key-directory").await).await
    }

    /// Asks for signatures under a given request id.
    pub(crate) async fn sign(&self, id: u8, blinded: &Blinded) -> Response {
        let request = SigningRequest {
            request_id: Fixed([id; 32]),
            blinded_tokens: blinded.points(),
        };
        self.post(&format!("{PATH}/signatures"), &request).await
    }

    /// Has tokens signed, checks the proof and unblinds them.
    pub(crate) async fn issue(&self, count: usize) -> Vec<Held> {
        let blinded = Blinded::new(count);
        let mut id = [0; 32];
        OsRng.fill_bytes(&mut id);
        let request = SigningRequest {
            request_id: Fixed(id),
            blinded_tokens: blinded.points(),
        };
        let answer = self.post(&format!("{PATH}/signatures"), &request).await;
        let signed: SigningResponse = ok(answer).await;
        blinded.unblind(&signed).unwrap()
    }

    pub(crate) async fn redeem(&self, payload: &str, tokens: &[Held]) -> Response {
        self.post("/v4/redemptions", &redemption(payload, tokens))
            .await
    }

    pub(crate) async fn redeemed(
        &self,
        payload: &str,
        tokens: &[Held],
    ) -> (RedemptionOutcome, u64) {
        let answer: RedemptionResponse = ok(self.redeem(payload, tokens).await).await;
        assert_eq!(answer.issuer, NAME);
        (answer.outcome, answer.redeemed_total)
    }

    /// How many tokens of all keys are redeemed.
    pub(crate) async fn redeemed_total(&self) -> u64 {
        self.keys().await.iter().map(|key| key.redeemed_total).sum()
    }

    pub(crate) async fn signed_by(&self, key: &PublicKey) -> u64 {
        let keys = self.keys().await;
        let key = keys.into_iter().find(|one| one.public_key == *key);
        key.unwrap().signed_total
    }

    pub(crate) async fn signed_total(&self) -> u64 {
        self.keys().await.iter().map(|key| key.signed_total).sum()
    }
}

pub(crate) fn terms() -> Value {
    json!({
        "fundingSource": "user-wallet",
        "sku": "user-wallet-vote",
        "price": "0.25",
        "currency": "BAT",
        "keyPeriod": "P30D",
        "redeemablePeriods": 2,
        "derivation": "rfc9497",
    })
}

/// A redemption of `tokens` on `payload`.
pub(crate) fn redemption(payload: &str, tokens: &[Held]) -> RedemptionRequest {
    RedemptionRequest {
        payload: payload.to_owned(),
        tokens: tokens.iter().map(|held| held.on(payload)).collect(),
        replay_only: false,
        at_least: 0,
    }
}

/// The body of an answer with status 200.
pub(crate) async fn ok<T: DeserializeOwned>(answer: Response) -> T {
    let (status, body) = (answer.status(), answer.text().await.unwrap());
    assert_eq!(status, StatusCode::OK, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// The problem that an answer is, with the fields that it names.
pub(crate) async fn problem(answer: Response, slug: Slug) -> Vec<String> {
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = answer.text().await.unwrap();
    let problem: Problem = serde_json::from_str(&body).expect(&body);
    assert_eq!(problem.slug(), Some(slug), "{body}");
    assert_eq!(status.as_u16(), slug.status());
    assert_eq!(
        headers.get("content-type").unwrap(),
        "application/problem+json"
    );
    assert_eq!(
        headers.contains_key("retry-after"),
        matches!(status.as_u16(), 429 | 503)
    );
    problem
        .invalid
        .into_iter()
        .map(|invalid| invalid.field)
        .collect()
}
