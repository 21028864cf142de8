//! The event log: topics of records that one service writes and others read.
//!
//! The embedded log keeps them in one SQLite file that several processes may open at once; Apache
//! Kafka is meant for production. Both pass [`contract`], and what a caller sees is these traits.
//!
//! | Who | Uses | Delivery |
//! |---|---|---|
//! | an outbox's relay | [`Publisher`] | each record once, even over crashes: publishing is atomic with the position |
//! | whoever has no outbox | [`Appender`] | at least once, durable on return |
//! | a reader | [`Consumer`] | in order per partition; keeps its offsets in its own database |
//!
//! On any error a publisher or consumer is dropped and made anew: one path for all failures.

use std::{fmt, ops::Range, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{
    db::OpenError,
    tls::{ClientTls, probe::Trouble},
};

pub mod contract;
pub(crate) mod embedded;
#[cfg(feature = "kafka")]
mod kafka;

pub use embedded::EmbeddedLog;
#[cfg(feature = "kafka")]
pub use kafka::KafkaLog;

/// The most records that one [`Batch`] holds, unless its reader asks for another number.
pub const BATCH_RECORDS_MAX: u32 = 500;

/// A part of a topic, ordered in itself.
pub type Partition = u32;

/// Where a record stands in its partition. Offsets have gaps.
pub type Offset = u64;

/// Something said beside a record's value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Header {
    /// What it is called.
    pub name: String,
    /// What it says.
    pub value: Vec<u8>,
}

/// A record on its way into the log.
#[derive(Clone, Eq, PartialEq)]
pub struct NewRecord {
    /// The topic it belongs to.
    pub topic: String,
    /// Chooses the partition: the same key, the same partition.
    pub key: Vec<u8>,
    /// What it says.
    pub value: Vec<u8>,
    /// What is said beside it; mostly nothing.
    pub headers: Vec<Header>,
    /// When it counts as written. Coarse where a fine time could link people.
    pub timestamp: DateTime<Utc>,
}

/// A record read from the log.
#[derive(Clone, Eq, PartialEq)]
pub struct Record {
    /// Its place in the partition.
    pub offset: Offset,
    /// The key it was written with. It shares its memory with other records of the batch, as the value does.
    pub key: Bytes,
    /// What it says.
    pub value: Bytes,
    /// What is said beside it.
    pub headers: Vec<Header>,
    /// The time that its writer gave it.
    pub timestamp: DateTime<Utc>,
}

/// What was read in one go from one partition.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Batch {
    /// Where it was read.
    pub partition: Partition,
    /// The position that reading started at: the stored one, then the `to` of the batch before.
    pub from: Offset,
    /// The last offset and one: where the next batch starts.
    pub to: Offset,
    /// What was found. Their offsets have gaps.
    pub records: Vec<Record>,
}

/// What a topic must be like.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TopicSettings {
    /// How many partitions it has. It never changes: keys would move.
    pub partitions: u32,
    /// For how long records are kept, by their timestamp.
    pub retention: TimeDelta,
}

/// A topic, and what a service does with it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TopicUse {
    /// The topic.
    pub topic: String,
    /// Whether it reads it.
    pub reads: bool,
    /// Whether it writes to it.
    pub writes: bool,
}

impl TopicUse {
    /// It reads the topic.
    pub fn read(topic: impl Into<String>) -> Self {
        Self {
            topic: topic.into(),
            reads: true,
            writes: false,
        }
    }

    /// It writes to the topic.
    pub fn write(topic: impl Into<String>) -> Self {
        Self {
            topic: topic.into(),
            reads: false,
            writes: true,
        }
    }
}

/// Names one line of publications, which has one position and one writer at a time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PublisherId {
    /// What publishes.
    pub name: String,
    /// Which life of its outbox: a restored one gets a new generation.
    pub generation: Uuid,
}

impl fmt::Display for PublisherId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.name, self.generation)
    }
}

/// Why the event log did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No broker can be reached.
    #[error("the event log cannot be reached: {0}")]
    Connection(#[from] Trouble),
    /// The engine failed. The text is for the log, never for a client.
    #[error("the event log failed")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Another publisher with the same id was opened after this one.
    #[error("another publisher took over")]
    Fenced,
    /// Records between what was published and what was offered are missing.
    #[error("the next position to publish is {expected}, but records from {found} on were offered")]
    Gap {
        /// What the log has as its position.
        expected: u64,
        /// Where the records begin.
        found: u64,
    },
    /// The cluster does not let us.
    #[error(
        "the event log does not let us {what} {name}, or it is not there: have it made and allowed, \
         as deploy/engines/access.txt does"
    )]
    NotAllowed {
        /// What we wanted to do.
        what: &'static str,
        /// What it is called.
        name: String,
    },
    /// The database of the embedded log cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The broker takes no record of our time.
    #[error(
        "the event log refuses records of today as too late: its clock is far behind ours. Have both set by NTP; \
         `message.timestamp.after.max.ms` is how far they may be apart"
    )]
    OtherClock,
    /// A reader's position is not in the log.
    #[error(
        "position {position} of {topic}/{partition} lies outside the log, which has {start} to {end}"
    )]
    OutsideLog {
        /// The topic.
        topic: String,
        /// The partition.
        partition: Partition,
        /// Where reading was to start.
        position: Offset,
        /// The first offset that is kept.
        start: Offset,
        /// The last offset and one.
        end: Offset,
    },
    /// The topic exists with other settings.
    #[error("topic {topic} has {found} partitions instead of {wanted}")]
    Partitions {
        /// The topic.
        topic: String,
        /// How many it has.
        found: u32,
        /// How many it should have.
        wanted: u32,
    },
    /// There is no such topic, or it may not be read.
    #[error(
        "the event log has no topic {0}, or does not let us see it: have it made and allowed, \
         as deploy/engines/access.txt does"
    )]
    UnknownTopic(String),
    /// This program was built without the engine.
    #[error("this program was built without Kafka: build it with the feature `kafka`")]
    NotBuilt,
    /// The URL names no engine.
    #[error("an event log's URL is embedded:/path/to/file or kafka:host:port,host:port")]
    Url,
}

/// As whom the brokers of a cluster are asked. The embedded log needs neither.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The roots that the brokers' certificates lead to, and our own certificate.
    pub tls: ClientTls,
    /// What the names of groups, transactional ids and the topic of positions begin with:
    /// `<environment>.<service>`.
    pub prefix: String,
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Engine(Box::new(error))
    }
}

/// The result of a call to the event log.
pub type Result<T> = std::result::Result<T, Error>;

/// A log of topics.
#[async_trait]
pub trait EventLog: fmt::Debug + Send + Sync {
    /// Makes the topic, or checks that it is as wanted. Before anything else is done with it.
    async fn ensure_topic(&self, topic: &str, settings: TopicSettings) -> Result<()>;

    /// Opens the publisher `id`, and shuts out every one that was opened with that id before.
    async fn publisher(&self, id: &PublisherId) -> Result<Box<dyn Publisher>>;

    /// Opens a writer that has no position.
    async fn appender(&self) -> Result<Box<dyn Appender>>;

    /// Opens a reader of some partitions of a topic, each from the position given with it. One outside the log is an
    /// error, never a jump.
    async fn consumer(
        &self,
        topic: &str,
        from: Vec<(Partition, Offset)>,
    ) -> Result<Box<dyn Consumer>>;

    /// How many partitions the topic has.
    async fn partitions(&self, topic: &str) -> Result<u32>;

    /// From the first offset that is kept to the last one and one more.
    async fn bounds(&self, topic: &str, partition: Partition) -> Result<Range<Offset>>;

    /// The last offset and one.
    async fn end(&self, topic: &str, partition: Partition) -> Result<Offset> {
        Ok(self.bounds(topic, partition).await?.end)
    }

    /// Tells this log from one that was made anew in its place: positions are good for one log only.
    async fn identity(&self) -> Result<String>;

    /// Whether the log answers, within the time of a check of readiness, and lets us do with these topics what we do.
    async fn check(&self, uses: &[TopicUse]) -> Result<()>;

    /// The position of the publisher `id`, as [`Publisher::position`], without shutting anybody out.
    async fn position(&self, id: &PublisherId) -> Result<Option<u64>>;

    /// Lets go of the log: its files then belong to whoever wants to copy or replace them.
    async fn close(&self);

    /// Drops the records that are past their topic's retention. Where the engine does it, nothing.
    async fn retire(&self, now: DateTime<Utc>) -> Result<u64>;
}

/// The only writer of its line of publications.
#[async_trait]
pub trait Publisher: fmt::Debug + Send {
    /// The position after the last one published; `None` if this log never heard of this id.
    async fn position(&mut self) -> Result<Option<u64>>;

    /// Writes `records`, which have the positions `first`, `first + 1`, …, and moves the position
    /// behind them: both or neither. What lies below the position was written before and is skipped.
    /// Records above a gap are refused. With no records, only the position is set, if there is none.
    async fn publish(&mut self, first: u64, records: Vec<NewRecord>) -> Result<()>;
}

/// A writer without a position: what it repeats after an error may be there twice.
#[async_trait]
pub trait Appender: fmt::Debug + Send {
    /// Writes `records`, and returns when they are durable.
    async fn append(&mut self, records: &[NewRecord]) -> Result<()>;
}

/// A reader of some partitions.
#[async_trait]
pub trait Consumer: fmt::Debug + Send {
    /// The next records of one partition, or `None` when all were read to their end; the caller asks again later.
    async fn next(&mut self) -> Result<Option<Batch>> {
        self.next_up_to(BATCH_RECORDS_MAX).await
    }

    /// As [`Self::next`], with up to `records_max` records: for those whose batch costs far more than a record.
    async fn next_up_to(&mut self, records_max: u32) -> Result<Option<Batch>>;

    /// Has records come without their headers, if those cost something: for readers who do not look at them.
    fn skip_headers(&mut self) {}
}

/// Opens the log at `url`: `embedded:/path/to/file`, or `kafka:host:port` with commas between several.
pub async fn open(url: &str, access: &Access) -> Result<Arc<dyn EventLog>> {
    match url.split_once(':') {
        Some(("embedded", path)) if !path.is_empty() => {
            Ok(Arc::new(EmbeddedLog::open(path).await?))
        }
        Some(("kafka", brokers)) if brokers.contains(':') && !brokers.contains('/') => {
            open_kafka(brokers, access)
        }
        _ => Err(Error::Url),
    }
}

#[cfg(feature = "kafka")]
#[expect(clippy::unnecessary_wraps, reason = "without Kafka it fails")]
fn open_kafka(brokers: &str, access: &Access) -> Result<Arc<dyn EventLog>> {
    Ok(Arc::new(KafkaLog::new(brokers, access)))
}

#[cfg(not(feature = "kafka"))]
fn open_kafka(_brokers: &str, _access: &Access) -> Result<Arc<dyn EventLog>> {
    Err(Error::NotBuilt)
}

/// Refuses a position that the log does not have: before what is kept, or behind its end.
fn check_position(
    bounds: &Range<Offset>,
    topic: &str,
    partition: Partition,
    position: Offset,
) -> Result<()> {
    if bounds.start <= position && position <= bounds.end {
        return Ok(());
    }
    Err(Error::OutsideLog {
        topic: topic.to_owned(),
        partition,
        position,
        start: bounds.start,
        end: bounds.end,
    })
}

/// Which of `partitions` partitions the records with this key go to, on every engine.
pub fn partition_of(key: &[u8], partitions: u32) -> Partition {
    let [a, b, c, d, ..]: [u8; 32] = Sha256::digest(key).into();
    let number = u32::from_be_bytes([a, b, c, d]);
    number.checked_rem(partitions).unwrap_or(0)
}

/// Shows sizes only: a vote's record next to a time in a log would be one more place that keeps it.
impl fmt::Debug for NewRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewRecord")
            .field("topic", &self.topic)
            .field("value_bytes", &self.value.len())
            .finish_non_exhaustive()
    }
}

/// Shows its place and size only, as [`NewRecord`] does.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("offset", &self.offset)
            .field("value_bytes", &self.value.len())
            .finish_non_exhaustive()
    }
}
