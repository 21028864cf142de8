//! An aggregator on engines of its own, and what its clients sent.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use clock::Clock;
use rand::{SeedableRng as _, rngs::StdRng};
use serde_json::Value;
use service_kit::{
    event_log::{self, Access, EventLog, Header, NewRecord, TopicSettings},
    fault::FaultPoints,
    outbox::{BATCH_ROWS_MAX, Relay, RelayParts, Schedule, Shuffle},
    shutdown::Shutdown,
};
use sqlx::{Connection as _, SqliteConnection};
use star_collector::{
    aggregate::{
        memory::MemoryBound,
        rules::Rules,
        store::{self, Store},
        summary::Summary,
        worker::{AggregateError, Limits, Parts, Worker},
    },
    domain::{
        channel::{Channel, RECORD_THRESHOLD_HEADER},
        epochs::Epochs,
    },
    factory::Factory,
};

/// The threshold of the scene's channel.
pub(crate) const K: u32 = 5;

/// The layers of its messages.
pub(crate) const LAYERS: usize = 3;

/// The epoch that most messages are of, and its number on the wire.
pub(crate) const EPOCH: u64 = 258;
pub(crate) const NUMBER: u8 = 2;

/// What was reported: texts, the outermost first, and how often.
pub(crate) type Reports = BTreeMap<Vec<String>, u64>;

pub(crate) fn channel() -> Channel {
    Channel {
        name: "typical".to_owned(),
        input_topic: "p3a-star-enc".to_owned(),
        output_topic: "p3a-star-out".to_owned(),
        k: K,
        thresholds: K..=20,
        layers: LAYERS,
        message_bytes_max: 8 << 10,
        epochs: Epochs {
            base: "2022-01-03T00:00:00Z".parse().unwrap(),
            length: TimeDelta::weeks(1),
            alive: 3,
        },
        date_field: "wos".to_owned(),
    }
}

/// What is measured with this value, and otherwise alike.
pub(crate) fn texts(value: usize) -> [String; LAYERS] {
    [
        format!("q|{value}"),
        "platform|linux".to_owned(),
        "country|none".to_owned(),
    ]
}

/// A time in an epoch.
pub(crate) fn during(epoch: u64) -> DateTime<Utc> {
    let Epochs { base, length, .. } = channel().epochs;
    base + length * i32::try_from(epoch).unwrap() + TimeDelta::days(2)
}

pub(crate) struct Scene {
    dir: tempfile::TempDir,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) factory: Factory,
    pub(crate) random: StdRng,
    pub(crate) batch_messages: usize,
    pub(crate) memory: MemoryBound,
    pub(crate) pending_bytes_max: u64,
    pub(crate) lag_min: u64,
    pub(crate) rules: Rules,
}

impl Scene {
    /// With a fault in its rules.
    pub(crate) async fn planted(plant: impl FnOnce(&mut Rules)) -> Self {
        let mut scene = Self::start().await;
        plant(&mut scene.rules);
        scene
    }

    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("embedded:{}", dir.path().join("log.db").display());
        let log = event_log::open(&url, &Access::default()).await.unwrap();
        let settings = TopicSettings {
            partitions: 2,
            retention: TimeDelta::days(400),
        };
        for topic in [channel().input_topic, channel().output_topic] {
            log.ensure_topic(&topic, settings).await.unwrap();
        }
        let url = format!("sqlite:{}", dir.path().join("aggregate.db").display());
        Self {
            log,
            store: store::open(&url).await.unwrap(),
            dir,
            factory: Factory::new(NUMBER, K),
            random: StdRng::seed_from_u64(7),
            batch_messages: 500,
            memory: MemoryBound(1 << 30),
            pending_bytes_max: 1 << 40,
            lag_min: 0,
            rules: Rules::default(),
        }
    }

    /// A message that measures `texts`.
    pub(crate) fn message(&mut self, texts: [&str; LAYERS]) -> Vec<u8> {
        self.factory.message(&texts, &mut self.random)
    }

    /// The same several times, each from another client.
    pub(crate) fn messages(&mut self, texts: [&str; LAYERS], count: usize) -> Vec<Vec<u8>> {
        (0..count).map(|_| self.message(texts)).collect()
    }

    /// Has messages appended in the middle of an epoch, as collect does: by outer tag.
    pub(crate) async fn send_in(&self, epoch: u64, messages: &[Vec<u8>]) {
        self.send_with(epoch, messages, &[]).await;
    }

    pub(crate) async fn send(&self, messages: &[Vec<u8>]) {
        self.send_in(EPOCH, messages).await;
    }

    /// The same with a threshold in the header.
    pub(crate) async fn send_with(&self, epoch: u64, messages: &[Vec<u8>], threshold: &[u8]) {
        let header = (!threshold.is_empty()).then(|| Header {
            name: RECORD_THRESHOLD_HEADER.to_owned(),
            value: threshold.to_vec(),
        });
        let records = messages.iter().map(|message| NewRecord {
            topic: channel().input_topic,
            key: star_collector::domain::wire::Message::read(message, LAYERS)
                .map_or_else(|_| Vec::new(), |message| message.outer.tag.to_vec()),
            value: message.clone(),
            headers: header.clone().into_iter().collect(),
            timestamp: during(epoch),
        });
        let records: Vec<_> = records.collect();
        let mut appender = self.log.appender().await.unwrap();
        appender.append(&records).await.unwrap();
    }

    pub(crate) fn worker(&self, epoch: u64, faults: FaultPoints) -> Worker {
        self.worker_at(during(epoch), faults)
    }

    fn worker_at(&self, now: DateTime<Utc>, faults: FaultPoints) -> Worker {
        let (clock, _) = Clock::simulated(now);
        let parts = Parts {
            channel: channel(),
            store: Arc::clone(&self.store),
            log: Arc::clone(&self.log),
            clock,
            limits: Limits {
                batch_messages: self.batch_messages,
                memory: self.memory,
                waiting_bytes_per_group_max: 1 << 20,
                pending_bytes_max: self.pending_bytes_max,
                lag_min: self.lag_min,
            },
            rules: self.rules,
            lease_lasts: Duration::from_millis(300),
            shutdown: Shutdown::default(),
            faults,
        };
        Worker::new(parts, Box::new(|_, _| {}))
    }

    /// A run in an epoch.
    pub(crate) async fn run_in(&self, epoch: u64) -> Summary {
        self.try_run(epoch, FaultPoints::default()).await.unwrap()
    }

    pub(crate) async fn run(&self) -> Summary {
        self.run_in(EPOCH).await
    }

    /// A run so long after the first moment at which no message of [`EPOCH`] is taken.
    pub(crate) async fn run_after_the_end(&self, later: TimeDelta) -> Summary {
        let end = channel().epochs.end_of(EPOCH);
        let worker = self.worker_at(end + later, FaultPoints::default());
        worker.run().await.unwrap()
    }

    pub(crate) async fn try_run(
        &self,
        epoch: u64,
        faults: FaultPoints,
    ) -> Result<Summary, AggregateError> {
        self.worker(epoch, faults).run().await
    }

    /// Publishes what waits, and adds up all that was ever published. Every record must have the day of its epoch.
    pub(crate) async fn reports(&self) -> Reports {
        let mut reports = Reports::new();
        for record in self.records().await {
            let texts = ["q", "platform", "country"].iter().filter_map(|name| {
                let value = record.get(*name)?.as_str().unwrap();
                Some(format!("{name}|{value}"))
            });
            let total = record.get("total").and_then(Value::as_u64).unwrap();
            let first_day = record.get("wos").and_then(Value::as_str);
            assert!(first_day.unwrap() >= "2026-12-01");
            *reports.entry(texts.collect()).or_default() += total;
        }
        reports
    }

    /// Publishes what waits, and reads all that was ever published.
    pub(crate) async fn records(&self) -> Vec<BTreeMap<String, Value>> {
        let (clock, _) = Clock::simulated(during(EPOCH));
        let mut relay = Relay::new(RelayParts {
            name: "star".to_owned(),
            outbox: self.store.outbox(),
            log: Arc::clone(&self.log),
            clock,
            schedule: Schedule::Every(TimeDelta::minutes(1)),
            batch_rows_max: BATCH_ROWS_MAX,
            lease_lasts: Duration::from_secs(10),
            shuffle: Shuffle::Random,
            faults: FaultPoints::default(),
        });
        relay.run_once().await.unwrap();
        let topic = channel().output_topic;
        let from = vec![(0, 0), (1, 0)];
        let mut consumer = self.log.consumer(&topic, from).await.unwrap();
        let mut records = Vec::new();
        while let Some(batch) = consumer.next().await.unwrap() {
            let read = batch.records.iter();
            records.extend(read.map(|record| serde_json::from_slice(&record.value).unwrap()));
        }
        records
    }

    async fn database(&self) -> SqliteConnection {
        let file = self.dir.path().join("aggregate.db");
        let url = format!("sqlite:{}", file.display());
        SqliteConnection::connect(&url).await.unwrap()
    }

    /// The dead letters of both partitions: their reasons, where they stand, and what is kept of them.
    pub(crate) async fn dead_letters(&self) -> Vec<(String, i64, Vec<u8>)> {
        let mut connection = self.database().await;
        let letters = sqlx::query_as(
            "SELECT reason, record_offset, start FROM star_dead_letter ORDER BY record_offset",
        );
        let letters = letters.fetch_all(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        letters
    }

    /// Changes the aggregator's database behind its back.
    pub(crate) async fn sql(&self, statement: &'static str) {
        let mut connection = self.database().await;
        sqlx::query(statement)
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    }

    /// All bytes of the aggregator's database.
    pub(crate) async fn stored_bytes(&self) -> Vec<u8> {
        self.store.close().await;
        let files = std::fs::read_dir(self.dir.path()).unwrap();
        let of_store = files.map(|file| file.unwrap().path()).filter(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with("aggregate.db")
        });
        of_store
            .flat_map(|path| std::fs::read(path).unwrap())
            .collect()
    }
}

pub(crate) fn reports<const N: usize>(expected: [(&[&str], u64); N]) -> Reports {
    let owned = expected.into_iter().map(|(texts, total)| {
        let texts = texts.iter().map(|text| (*text).to_owned());
        (texts.collect(), total)
    });
    owned.collect()
}
