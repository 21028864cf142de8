//! A running service with a log of its own, and what clients send to it.

use std::{path::PathBuf, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, TimeDelta, Utc};
use clock::{Clock, Simulation};
use messages::{
    problem::{Problem, Slug},
    star::{THRESHOLD_HEADER, VERSION_HEADER},
};
use rand::{SeedableRng as _, rngs::StdRng};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use service_kit::{
    Running,
    config::Sources,
    event_log::{self, Access, EventLog, Record},
    fault::FaultPoints,
    tls,
};
use sqlx::{Connection as _, SqliteConnection};
use star_collector::{
    Deps,
    collect::{Config, build},
    domain::wire::Message,
    factory::Factory,
};

/// The threshold of the channel, and its number of layers.
pub(crate) const K: u32 = 5;
pub(crate) const LAYERS: usize = 3;

/// The epoch of every test's start, and its number on the wire.
pub(crate) const EPOCH: i32 = 258;
pub(crate) const NUMBER: u8 = 2;

/// The topic of the default channel.
pub(crate) const TOPIC: &str = "p3a-star-enc";

/// When an epoch begins.
pub(crate) fn start_of(epoch: i32) -> DateTime<Utc> {
    let base: DateTime<Utc> = "2024-01-01T00:00:00Z".parse().unwrap();
    base + TimeDelta::weeks(1) * epoch
}

/// When every test begins: not at the beginning of a minute.
pub(crate) fn start() -> DateTime<Utc> {
    start_of(EPOCH) + TimeDelta::hours(50) + TimeDelta::milliseconds(31_250)
}

/// What a test changes of the settings.
type Change<'a> = &'a [(&'a str, &'a str)];

pub(crate) struct App {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) clock: Clock,
    pub(crate) simulation: Simulation,
    pub(crate) running: Option<Running>,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) client: Client,
    pub(crate) random: StdRng,
    url: String,
    admin: String,
}

impl App {
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    pub(crate) async fn with(change: Change<'_>) -> Self {
        Self::failing(change, FaultPoints::default()).await
    }

    /// With other settings, and failing where it is planned.
    pub(crate) async fn failing(change: Change<'_>, faults: FaultPoints) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (clock, simulation) = Clock::simulated(start());
        let log_url = format!("embedded:{}", folder.path().join("log.db").display());
        let sources = settings(&log_url, change);
        let config: Config = sources.load().unwrap();
        let deps = Deps {
            clock: clock.clone(),
            faults,
        };
        let running = build(config, deps).await.unwrap().start().await.unwrap();
        Self {
            url: format!("http://{}", running.api_addr),
            admin: format!("http://{}", running.admin_addr),
            running: Some(running),
            log: event_log::open(&log_url, &Access::default()).await.unwrap(),
            client: tls::probe_client(Duration::from_secs(20)).unwrap(),
            random: StdRng::seed_from_u64(7),
            folder,
            clock,
            simulation,
        }
    }

    /// A message of the channel. Each is another one.
    pub(crate) fn message(&mut self) -> Vec<u8> {
        self.message_of(NUMBER, K)
    }

    /// A message of an epoch and with a threshold.
    pub(crate) fn message_of(&mut self, epoch: u8, threshold: u32) -> Vec<u8> {
        let texts = ["q|yes", "platform|linux", "country|none"];
        Factory::new(epoch, threshold).message(&texts, &mut self.random)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        let request = self.client.get(format!("{}{path}", self.url));
        request.send().await.unwrap()
    }

    /// What the admin listener says.
    pub(crate) async fn admin(&self, path: &str) -> (StatusCode, String) {
        let request = self.client.get(format!("{}{path}", self.admin));
        let answer = request.send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    pub(crate) fn request(&self, path: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
        let request = self.client.post(format!("{}{path}", self.url));
        request.header("content-type", "text/plain").body(body)
    }

    /// Sends a body as it stands.
    pub(crate) async fn post(&self, body: impl Into<reqwest::Body>) -> Response {
        self.request("/", body).send().await.unwrap()
    }

    /// Sends a message as clients do.
    pub(crate) async fn send(&self, message: &[u8]) -> Response {
        self.post(STANDARD.encode(message)).await
    }

    pub(crate) async fn send_with_threshold(&self, message: &[u8], threshold: &str) -> Response {
        let request = self.request("/", STANDARD.encode(message));
        let request = request.header(THRESHOLD_HEADER, threshold);
        request.send().await.unwrap()
    }

    pub(crate) async fn send_as(&self, version: &str, message: &[u8]) -> Response {
        let request = self.request("/", STANDARD.encode(message));
        let request = request.header(VERSION_HEADER, version);
        request.send().await.unwrap()
    }

    /// What is in the topic of the default channel.
    pub(crate) async fn records(&self) -> Vec<Record> {
        records(&*self.log, TOPIC).await
    }

    /// The values of the records, sorted.
    pub(crate) async fn values(&self) -> Vec<Vec<u8>> {
        let records = self.records().await;
        sorted(records.into_iter().map(|record| record.value.into()))
    }

    /// Keeps everybody else from writing to the log until it is dropped or rolled back.
    pub(crate) async fn hold_log(&self) -> HeldLog {
        HeldLog::of(&self.path("log.db").display().to_string()).await
    }

    pub(crate) async fn stop(&mut self) {
        self.running.take().unwrap().stop().await.unwrap();
    }
}

/// A log that nobody can write to.
pub(crate) struct HeldLog(SqliteConnection);

impl HeldLog {
    async fn of(path: &str) -> Self {
        let mut connection = SqliteConnection::connect(&format!("sqlite:{path}"))
            .await
            .unwrap();
        sqlx::query("BEGIN IMMEDIATE")
            .execute(&mut connection)
            .await
            .unwrap();
        Self(connection)
    }

    pub(crate) async fn release(self) {
        self.0.close().await.unwrap();
    }
}

/// The settings of a test.
fn settings(log_url: &str, change: Change<'_>) -> Sources {
    let fixed = [
        ("event_log.url", log_url),
        ("event_log.partitions", "2"),
        ("channel.k", "5"),
        ("channel.threshold_min", "5"),
        ("channel.threshold_max", "20"),
        ("channel.layers", "3"),
        ("http.listen", "127.0.0.1:0"),
        ("http.admin_listen", "127.0.0.1:0"),
        ("http.connections_per_client_max", "1000"),
        ("http.rate_limit.units_per_minute", "0"),
    ];
    let all = fixed.iter().chain(change);
    all.fold(Config::sources(), |sources, (name, value)| {
        sources.set(*name, *value)
    })
}

/// What is in a topic.
pub(crate) async fn records(log: &dyn EventLog, topic: &str) -> Vec<Record> {
    let partitions = log.partitions(topic).await.unwrap();
    let from = (0..partitions).map(|partition| (partition, 0)).collect();
    let mut consumer = log.consumer(topic, from).await.unwrap();
    let mut records = Vec::new();
    while let Some(batch) = consumer.next().await.unwrap() {
        records.extend(batch.records);
    }
    records
}

pub(crate) fn sorted(values: impl IntoIterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort();
    values
}

/// The outer tag of a message.
pub(crate) fn tag(message: &[u8], layers: usize) -> Vec<u8> {
    Message::read(message, layers).unwrap().outer.tag.to_vec()
}

/// Checks that an answer is the problem, says when to come back where it must, and gives its detail.
pub(crate) async fn problem(answer: Response, slug: Slug) -> String {
    let headers = answer.headers().clone();
    let status = answer.status().as_u16();
    let problem: Problem = answer.json().await.unwrap();
    assert_eq!(problem.slug(), Some(slug), "{problem:?}");
    assert_eq!(status, slug.status());
    assert_eq!(headers["content-type"], "application/problem+json");
    let comes_back = matches!(status, 429 | 503);
    assert_eq!(headers.contains_key("retry-after"), comes_back);
    problem.detail.unwrap_or_default()
}

/// Checks that a message was taken.
pub(crate) async fn taken(answer: Response) {
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    assert_eq!(answer.bytes().await.unwrap().len(), 0);
}
