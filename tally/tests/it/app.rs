//! A running tally, and what payments writes for it.

use std::{path::PathBuf, sync::Arc, time::Duration};

use chrono::{NaiveDate, TimeDelta};
use clock::{Clock, Simulation};
use ed25519_dalek::{Signer as _, SigningKey};
use messages::{
    FundingSource, KeyId,
    avro::{DirectoryHead, Funds, FundsKey, Record as _, Vote},
    digest::H,
    directory::Head,
    encoding::Fixed,
    problem::{Problem, Slug},
};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use service_kit::{
    Running,
    event_log::{self, EventLog, NewRecord, TopicSettings},
    secret::SecretFile,
    tls,
};
use tally::{Config, Deps, Rules, build, topics::Topics};

use crate::pki::Pki;

/// When every test begins.
const START: &str = "2026-01-01T10:00:00Z";

/// The key that signs the key directory's heads.
pub(crate) fn directory_key() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

/// Its public half, as a setting has it.
pub(crate) fn directory_public_key() -> String {
    Fixed(directory_key().verifying_key().to_bytes()).to_string()
}

/// The setting that names it.
pub(crate) fn directory_public_keys() -> String {
    format!("[{:?}]", directory_public_key())
}

/// The bearer token that is let in.
pub(crate) const TOKEN: &str = "a-token-of-the-ledger";

pub(crate) struct App {
    pub(crate) pki: Pki,
    pub(crate) topics: Topics,
    folder: tempfile::TempDir,
    clock: Clock,
    simulation: Simulation,
    running: Option<Running>,
    client: Client,
    log: Arc<dyn EventLog>,
    change: fn(&mut Config),
}

impl App {
    pub(crate) async fn start() -> Self {
        Self::with(Rules::default()).await
    }

    pub(crate) async fn with(rules: Rules) -> Self {
        Self::with_settings(|_| {}, rules).await
    }

    /// With settings that `change` has changed.
    pub(crate) async fn with_settings(change: fn(&mut Config), rules: Rules) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pki = Pki::new(&folder.path().join("pki"));
        let (clock, simulation) = Clock::simulated(START.parse().unwrap());
        let file = |name| SecretFile::new(folder.path().join(name));
        file("head.key").create_key().unwrap();
        file("tokens").create_text(TOKEN).unwrap();
        let client = tls::http_client(&pki.client(None), Duration::from_secs(20)).unwrap();
        let log = new_log(&folder.path().join("log.db").to_string_lossy()).await;
        let mut app = Self {
            pki,
            topics: Topics::of("test"),
            folder,
            clock,
            simulation,
            running: None,
            client,
            log,
            change,
        };
        app.run(rules).await;
        app
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn config(&self) -> Config {
        let path = |name| self.path(name).display().to_string();
        let mut config: Config = Config::sources()
            .set("environment", "test")
            .set("database.url", format!("sqlite:{}", path("tally.db")))
            .set("event_log.url", format!("embedded:{}", path("log.db")))
            .set("event_log.poll_seconds", "3600")
            .set("event_log.lease_seconds", "1")
            .set("ledger.head_key_file", path("head.key"))
            .set("directory.public_keys", directory_public_keys())
            .set("auth.bearer_tokens_file", path("tokens"))
            .set("limits.page_rows_max", "10")
            .set("http.listen", "127.0.0.1:0")
            .set("http.admin_listen", "127.0.0.1:0")
            .load()
            .unwrap();
        config.http.tls = self.pki.server();
        (self.change)(&mut config);
        config
    }

    pub(crate) fn deps(&self, rules: Rules) -> Deps {
        Deps {
            clock: self.clock.clone(),
            rules,
        }
    }

    pub(crate) async fn run(&mut self, rules: Rules) {
        let service = build(self.config(), self.deps(rules)).await.unwrap();
        self.running = Some(service.start().await.unwrap());
        self.simulation.quiet().await;
    }

    pub(crate) async fn stop(&mut self) {
        self.running.take().unwrap().stop().await.unwrap();
    }

    /// Lives through the calendar until `time`.
    pub(crate) async fn until(&mut self, time: &str) {
        self.simulation.run_until(time.parse().unwrap()).await;
    }

    /// Long enough for what was published to be read, and for what was left to be relayed.
    pub(crate) async fn settle(&mut self) {
        self.simulation.run_for(TimeDelta::hours(3)).await;
    }

    /// Puts another log in place of the one that was read, while the service is stopped.
    pub(crate) async fn replace_log(&mut self) {
        for name in ["log.db", "log.db-wal", "log.db-shm"] {
            let _may_be_absent = std::fs::remove_file(self.path(name));
        }
        self.log = new_log(&self.path("log.db").to_string_lossy()).await;
    }

    pub(crate) async fn publish(&self, topic: &str, key: &str, value: Vec<u8>) {
        let record = NewRecord {
            headers: Vec::new(),
            topic: topic.to_owned(),
            key: key.as_bytes().to_vec(),
            value,
            timestamp: self.clock.now(),
        };
        self.append(&[record]).await;
    }

    pub(crate) async fn publish_head(&self, head: &Head) {
        let record = DirectoryHead::from(head).encode();
        self.publish(&self.topics.directory, "head", record).await;
    }

    pub(crate) async fn append(&self, records: &[NewRecord]) {
        self.log
            .appender()
            .await
            .unwrap()
            .append(records)
            .await
            .unwrap();
    }

    pub(crate) async fn vote(&self, event: u128, channel: &str, votes: u32) {
        let day = self.clock.today();
        let vote = vote(event, day, channel, votes, FundingSource::UserWallet);
        self.publish(&self.topics.vote, channel, vote.encode())
            .await;
    }

    /// Funds of both sources, up to the end of `day`.
    pub(crate) async fn funds(&self, day: &str, totals: [(&str, i64, i64); 2]) {
        for (source, (received, signed, redeemed)) in FundingSource::ALL.into_iter().zip(totals) {
            let funds = funds(day, source, received, signed, redeemed);
            self.publish(&self.topics.funds, source.as_str(), funds.encode())
                .await;
        }
    }

    /// The records of a topic, as text.
    pub(crate) async fn records(&self, topic: &str) -> Vec<Value> {
        let mut records = Vec::new();
        let mut consumer = self.log.consumer(topic, vec![(0, 0)]).await.unwrap();
        while let Some(batch) = consumer.next().await.unwrap() {
            let values = batch
                .records
                .iter()
                .map(|record| serde_json::from_slice(&record.value));
            records.extend(values.map(Result::unwrap));
        }
        records
    }

    pub(crate) fn address(&self, path: &str) -> String {
        let port = self.running.as_ref().unwrap().api_addr.port();
        format!("https://localhost:{port}{path}")
    }

    pub(crate) fn request(&self, path: &str) -> RequestBuilder {
        self.client.get(self.address(path))
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(path).bearer_auth(TOKEN).send().await.unwrap()
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.json().await.unwrap()
    }

    /// What `/readyz` says.
    pub(crate) async fn readyz(&self) -> (StatusCode, String) {
        self.admin("/readyz").await
    }

    /// What the admin listener says.
    pub(crate) async fn admin(&self, path: &str) -> (StatusCode, String) {
        let admin = self.running.as_ref().unwrap().admin_addr;
        let client = Client::builder()
            .tls_backend_preconfigured(tls::client_config(&self.pki.client(None)).unwrap());
        let client = client.no_proxy().build().unwrap();
        let answer = client
            .get(format!("http://{admin}{path}"))
            .send()
            .await
            .unwrap();
        (answer.status(), answer.text().await.unwrap())
    }
}

/// A log with the topics that payments makes.
async fn new_log(path: &str) -> Arc<dyn EventLog> {
    let log = event_log::open(&format!("embedded:{path}"), &event_log::Access::default())
        .await
        .unwrap();
    let Topics {
        vote,
        funds,
        directory,
        ..
    } = Topics::of("test");
    for topic in [vote, funds, directory] {
        let settings = TopicSettings {
            partitions: 3,
            retention: TimeDelta::days(400),
        };
        log.ensure_topic(&topic, settings).await.unwrap();
    }
    log
}

pub(crate) fn vote(
    event: u128,
    day: NaiveDate,
    channel: &str,
    votes: u32,
    source: FundingSource,
) -> Vote {
    Vote {
        id: uuid::Uuid::from_u128(event).to_string(),
        kind: "auto-contribute".to_owned(),
        channel: channel.to_owned(),
        created_at: format!("{day}T00:00:00Z"),
        base_vote_value: "0.25".to_owned(),
        vote_tally: votes.into(),
        funding_source: source.to_string(),
    }
}

/// A head of the key directory of `day` over `size` entries, signed by `key` (contracts §5).
pub(crate) fn head(day: &str, size: u64, key: &SigningKey) -> Head {
    let hash = Fixed([1; 32]);
    let signed = H::new("bt/directory-head/1")
        .part(day.as_bytes())
        .part(&size.to_be_bytes())
        .part(hash.as_bytes())
        .finish();
    Head {
        day: day.parse().unwrap(),
        size,
        hash,
        signature: Fixed(key.sign(&signed).to_bytes()),
    }
}

pub(crate) fn funds(
    day: &str,
    source: FundingSource,
    received: &str,
    signed: i64,
    redeemed: i64,
) -> Funds {
    Funds {
        id: "id".to_owned(),
        day: day.to_owned(),
        funding_source: source.to_string(),
        base_vote_value: "0.25".parse().unwrap(),
        currency: "BAT".to_owned(),
        received_total: received.parse().unwrap(),
        votes_sold_total: signed,
        keys: vec![FundsKey {
            key_id: KeyId::of(&Fixed([source as u8; 32])).to_string(),
            signed_total: signed,
            redeemed_total: redeemed,
            redeem_until: "2026-03-01T00:00:00Z".to_owned(),
            revoked: false,
        }],
        restatement: false,
    }
}

/// Checks that the answer is the problem, and nothing but it.
pub(crate) async fn problem(answer: Response, slug: Slug) {
    assert_eq!(answer.status().as_u16(), slug.status());
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let problem: Problem = answer.json().await.unwrap();
    assert_eq!(problem.slug(), Some(slug));
}
