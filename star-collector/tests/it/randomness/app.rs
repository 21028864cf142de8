//! Running services on one store, and what clients do with them.

use std::{path::PathBuf, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use clock::{Clock, Simulation};
use curve25519_dalek::RistrettoPoint;
use messages::{
    encoding::Fixed,
    problem::{Problem, Slug},
    star::{InfoResponse, RandomnessResponse},
};
use rand::{SeedableRng as _, rngs::StdRng};
use reqwest::{Client, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use service_kit::{
    Running,
    secret::SecretFile,
    tls::{self, ClientTls, ServerTls},
};
use star_collector::randomness::{Config, build_with, rules::Rules};

use super::{keys::Keys, pki::server_and_client};

/// When every test begins: half an hour into the first of its epochs, which last for an hour.
pub(crate) const START: &str = "2026-01-01T10:30:00Z";

/// How a test changes the settings.
type Change = Arc<dyn Fn(&mut Config) + Send + Sync>;

/// What replicas share: the store, and a folder with the key file.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    pub(crate) keys: Keys,
    server: ServerTls,
    client: ClientTls,
}

impl Place {
    pub(crate) async fn new() -> Arc<Self> {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::new(folder.path()).await;
        Self::with(folder, keys)
    }

    /// With a file for a store, also where other tests are on engines.
    pub(crate) fn on_files() -> Arc<Self> {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::in_file(folder.path());
        Self::with(folder, keys)
    }

    /// With this store.
    pub(crate) fn with(folder: tempfile::TempDir, keys: Keys) -> Arc<Self> {
        let (server, client) = server_and_client(folder.path());
        let sealing = SecretFile::new(folder.path().join("sealing.key"));
        sealing.create_key().unwrap();
        Arc::new(Self {
            folder,
            keys,
            server,
            client,
        })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Epochs 3 to 6, an hour each, since 10 o'clock.
    pub(crate) fn config(&self) -> Config {
        let mut config: Config = Config::sources()
            .set("instance_name", "main,other")
            .set("epoch_duration", "1h,1d")
            .set("first_epoch", "3")
            .set("last_epoch", "6")
            .set("epoch_base_time", "2026-01-01T10:00:00Z")
            .set("database.url", self.keys.url())
            .set(
                "keys.sealing_key_file",
                self.path("sealing.key").to_string_lossy(),
            )
            .set("http.listen", "127.0.0.1:0")
            .set("http.admin_listen", "127.0.0.1:0")
            .set("http.rate_limit.units_per_minute", "0")
            .load()
            .unwrap();
        config.http.tls = self.server.clone();
        config
    }
}

/// A running service with a calendar of its own.
pub(crate) struct App {
    pub(crate) place: Arc<Place>,
    change: Change,
    rules: Rules,
    clock: Clock,
    simulation: Simulation,
    running: Option<Running>,
    client: Client,
}

impl App {
    /// A service alone.
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// A service alone, with other settings.
    pub(crate) async fn with(change: impl Fn(&mut Config) + Send + Sync + 'static) -> Self {
        let mut app = Self::stopped(Place::new().await, START, change);
        app.run().await.unwrap();
        app
    }

    /// A service alone with a fault in its rules.
    pub(crate) async fn planted(plant: impl FnOnce(&mut Rules)) -> Self {
        let mut app = Self::stopped(Place::new().await, START, |_| {});
        plant(&mut app.rules);
        app.run().await.unwrap();
        app
    }

    /// A replica, whose calendar shows `time`.
    pub(crate) async fn replica(place: &Arc<Place>, time: &str) -> Self {
        let mut app = Self::stopped(Arc::clone(place), time, |_| {});
        app.run().await.unwrap();
        app
    }

    /// A service that was not started.
    pub(crate) fn stopped(
        place: Arc<Place>,
        time: &str,
        change: impl Fn(&mut Config) + Send + Sync + 'static,
    ) -> Self {
        let (clock, simulation) = Clock::simulated(time.parse().unwrap());
        let client = tls::http_client(&place.client, Duration::from_secs(20));
        Self {
            place,
            change: Arc::new(change),
            rules: Rules::default(),
            clock,
            simulation,
            running: None,
            client: client.unwrap(),
        }
    }

    /// Starts it.
    pub(crate) async fn run(&mut self) -> anyhow::Result<()> {
        let service = build_with(self.config(), self.clock.clone(), self.rules).await?;
        self.running = Some(service.start().await?);
        Ok(())
    }

    pub(crate) async fn stop(&mut self) {
        self.running.take().unwrap().stop().await.unwrap();
    }

    pub(crate) fn config(&self) -> Config {
        let mut config = self.place.config();
        (self.change)(&mut config);
        config
    }

    /// Lives until `time`, jobs included.
    pub(crate) async fn live_until(&mut self, time: &str) {
        self.simulation.run_until(time.parse().unwrap()).await;
    }

    /// Lives until so many hours after the start of the first epoch.
    pub(crate) async fn live_until_hour(&mut self, hours: i64) {
        let base: DateTime<Utc> = "2026-01-01T10:00:00Z".parse().unwrap();
        self.simulation
            .run_until(base + TimeDelta::hours(hours))
            .await;
    }

    /// Another calendar, as after a time during which nothing ran.
    pub(crate) fn wake_at(&mut self, time: &str) {
        assert!(self.running.is_none());
        (self.clock, self.simulation) = Clock::simulated(time.parse().unwrap());
    }

    pub(crate) fn address(&self, path: &str) -> String {
        let port = self.running.as_ref().unwrap().api_addr.port();
        format!("https://localhost:{port}{path}")
    }

    pub(crate) fn admin_address(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.as_ref().unwrap().admin_addr)
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.client.get(self.address(path)).send().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Response {
        let request = self.client.post(self.address(path)).json(body);
        request.send().await.unwrap()
    }

    /// A body that need not be JSON.
    pub(crate) async fn post_text(&self, path: &str, kind: &str, body: String) -> Response {
        let request = self.client.post(self.address(path)).body(body);
        let request = request.header("content-type", kind);
        request.send().await.unwrap()
    }

    /// Asks the default instance for the current epoch, whichever it is.
    pub(crate) async fn evaluate(&self, points: &[Fixed<32>]) -> Response {
        let body = json!({ "points": points });
        self.post("/randomness", &body).await
    }

    pub(crate) async fn evaluated(&self, points: &[Fixed<32>]) -> RandomnessResponse {
        ok(self.evaluate(points).await).await
    }

    /// Asks the default instance for an epoch.
    pub(crate) async fn evaluate_in(&self, epoch: u8) -> Response {
        let body = json!({ "points": points(2), "epoch": epoch });
        self.post("/randomness", &body).await
    }

    pub(crate) async fn info(&self) -> InfoResponse {
        ok(self.get("/info").await).await
    }
}

/// Valid points, the same in each test.
pub(crate) fn points(count: usize) -> Vec<Fixed<32>> {
    let mut rng = StdRng::seed_from_u64(5);
    std::iter::repeat_with(|| Fixed(RistrettoPoint::random(&mut rng).compress().to_bytes()))
        .take(count)
        .collect()
}

/// The body of an answer with status 200.
pub(crate) async fn ok<T: DeserializeOwned>(answer: Response) -> T {
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = answer.text().await.unwrap();
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(headers.get("content-type").unwrap(), "application/json");
    serde_json::from_str(&body).unwrap()
}

/// The problem that an answer must be, with the fields that it names.
pub(crate) async fn problem(answer: Response, slug: Slug) -> Vec<String> {
    let (found, fields) = refusal(answer).await.expect("it is refused");
    assert_eq!(found, slug, "{fields:?}");
    fields
}

/// The problem that an answer is, with the fields that it names. `None`: it is none.
pub(crate) async fn refusal(answer: Response) -> Option<(Slug, Vec<String>)> {
    let (status, headers) = (answer.status(), answer.headers().clone());
    if status == StatusCode::OK {
        return None;
    }
    let body = answer.text().await.unwrap();
    let problem: Problem = serde_json::from_str(&body).expect(&body);
    let slug = problem.slug().expect(&body);
    assert_eq!(status.as_u16(), slug.status());
    let kind = headers.get("content-type").unwrap();
    assert_eq!(kind, "application/problem+json");
    let fields = problem.invalid.into_iter();
    Some((slug, fields.map(|invalid| invalid.field).collect()))
}
