//! The event log in Apache Kafka.
//!
//! | Here | In Kafka |
//! |---|---|
//! | a publisher's position | the offset that the group `<prefix>.<publisher>` has committed for `<prefix>.positions` |
//! | publishing, and moving the position | one transaction, which commits that offset with the records |
//! | shutting out an older publisher | its transactional id, which is the group's name |
//!
//! The topic of the positions stays empty: any number may be committed as an offset. librdkafka's calls
//! block, so each runs on a thread for blocking work. A client that failed is dropped and made anew
//! by the caller, whatever the error was: retrying single calls of a transaction can commit records without
//! their position. What a failure means to an operator is asked by [`metadata`], not read from librdkafka.

use std::{
    fmt,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rdkafka::{
    ClientConfig, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    metadata::MetadataTopic,
};

use super::{
    Access, Appender, Consumer, Error, EventLog, Offset, Partition, Publisher, PublisherId, Result,
    TopicSettings, TopicUse,
};
mod context;
mod metadata;
mod reader;
mod writer;

use context::Context;

/// How long one call waits for the broker. A restarted broker serves again within this time.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);

/// How long until a partition without a leader is asked for again.
const LEADER_SOON: Duration = Duration::from_millis(50);

/// Where a Kafka cluster is, and as whom it is used.
#[derive(Clone, Debug)]
struct Cluster {
    /// `host:port`, several with commas between.
    brokers: String,
    access: Access,
}

/// The event log in a Kafka cluster.
pub struct KafkaLog {
    cluster: Cluster,
    /// Asks for metadata, watermarks and the cluster's id; reads no records. `None`: made anew with the next
    /// question, so that certificates which were replaced on disk are read again after a failure.
    asker: Mutex<Option<Arc<BaseConsumer<Context>>>>,
}

impl KafkaLog {
    /// Prepares to talk to the cluster at `brokers`: `host:port`, several with commas between. Connections
    /// are made when they are needed.
    pub fn new(brokers: &str, access: &Access) -> Self {
        Self {
            cluster: Cluster {
                brokers: brokers.to_owned(),
                access: access.clone(),
            },
            asker: Mutex::default(),
        }
    }

    /// Runs `call` with the asking client, on a thread for blocking work.
    async fn ask<T: Send + 'static>(
        &self,
        call: impl FnOnce(&BaseConsumer<Context>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let asker = self.asker()?;
        let answer = self.cluster.blocking(move || call(&asker)).await;
        self.made_anew_after(answer)
    }

    /// After a failure, the next question is asked by a new client.
    fn made_anew_after<T>(&self, answer: Result<T>) -> Result<T> {
        if matches!(answer, Err(Error::Connection(_) | Error::Engine(_))) {
            *self.lock() = None;
        }
        answer
    }

    fn asker(&self) -> Result<Arc<BaseConsumer<Context>>> {
        let mut asker = self.lock();
        if let Some(asker) = &*asker {
            return Ok(Arc::clone(asker));
        }
        let new = Arc::new(self.cluster.consumer()?);
        *asker = Some(Arc::clone(&new));
        Ok(new)
    }

    /// What the publisher `id` is called in Kafka: its transactional id, and the group of its position.
    fn name_of(&self, id: &PublisherId) -> String {
        format!("{}.{id}", self.cluster.access.prefix)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<BaseConsumer<Context>>>> {
        self.asker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cluster {
    /// What all clients have in common.
    fn client(&self) -> ClientConfig {
        let Access { tls, prefix } = &self.access;
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("security.protocol", "ssl")
            .set("ssl.ca.location", tls.ca_file.to_string_lossy())
            .set("client.id", prefix)
            // A broker that comes back is found within half a second, not within ten.
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "500");
        if !tls.certificate_file.as_os_str().is_empty() {
            config
                .set(
                    "ssl.certificate.location",
                    tls.certificate_file.to_string_lossy(),
                )
                .set("ssl.key.location", tls.key_file.to_string_lossy());
        }
        config
    }

    /// Runs a call of librdkafka, which blocks. Where it fails, the cluster is asked for the reason.
    async fn blocking<T: Send + 'static>(
        &self,
        call: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let called = tokio::task::spawn_blocking(call).await;
        let failed = match called {
            Ok(Err(Error::Engine(failed))) => failed,
            Ok(answer) => return answer,
            Err(panicked) => Box::new(panicked),
        };
        metadata::check(self, &[]).await?;
        Err(Error::Engine(failed))
    }

    /// A client that reads what is committed, from positions that are given to it.
    fn consumer(&self) -> Result<BaseConsumer<Context>> {
        self.client()
            .set("group.id", format!("{}.readers", self.access.prefix))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("isolation.level", "read_committed")
            // A position outside the log is an error, never a jump.
            .set("auto.offset.reset", "error")
            .set("enable.partition.eof", "true")
            // How long the broker holds a request at the end of a partition: what an answer "no more" costs.
            .set("fetch.wait.max.ms", "20")
            // A reader that writes to a database is far slower than the broker. What is fetched ahead of it lies in
            // memory that is used again, and not in ever new memory; it is looked after as often as is needed for
            // 40 MB a second.
            .set("fetch.max.bytes", "1048576")
            .set("queued.max.messages.kbytes", "2048")
            .set("queued.min.messages", "20000")
            .set("fetch.queue.backoff.ms", "50")
            .create_with_context(Context::default())
            .map_err(|error| failed(error, None))
    }
}

#[async_trait]
impl EventLog for KafkaLog {
    /// Topics are made by whoever runs the cluster; a service may not. Their retention is theirs too.
    async fn ensure_topic(&self, topic: &str, settings: TopicSettings) -> Result<()> {
        let found = self.partitions(topic).await?;
        if found == settings.partitions {
            return Ok(());
        }
        Err(Error::Partitions {
            topic: topic.to_owned(),
            found,
            wanted: settings.partitions,
        })
    }

    async fn publisher(&self, id: &PublisherId) -> Result<Box<dyn Publisher>> {
        let (cluster, name) = (self.cluster.clone(), self.name_of(id));
        let open = move || writer::KafkaPublisher::open(cluster, &name);
        Ok(Box::new(self.cluster.blocking(open).await?))
    }

    async fn appender(&self) -> Result<Box<dyn Appender>> {
        Ok(Box::new(writer::KafkaAppender::open(self.cluster.clone())?))
    }

    async fn consumer(
        &self,
        topic: &str,
        from: Vec<(Partition, Offset)>,
    ) -> Result<Box<dyn Consumer>> {
        let (cluster, topic) = (self.cluster.clone(), topic.to_owned());
        let open = move || reader::KafkaConsumer::open(cluster, topic, from);
        Ok(Box::new(self.cluster.blocking(open).await?))
    }

    async fn partitions(&self, topic: &str) -> Result<u32> {
        let topic = topic.to_owned();
        self.ask(move |client| partitions(client, &topic)).await
    }

    async fn bounds(&self, topic: &str, partition: Partition) -> Result<Range<Offset>> {
        let topic = topic.to_owned();
        self.ask(move |client| bounds(client, &topic, partition))
            .await
    }

    /// The cluster's id. A topic that was made anew in the same cluster shows by positions outside it.
    async fn identity(&self) -> Result<String> {
        self.ask(|client| {
            client
                .client()
                .fetch_cluster_id(CALL_TIMEOUT)
                .ok_or_else(|| Error::Engine("the cluster did not tell its id".into()))
        })
        .await
    }

    async fn check(&self, uses: &[TopicUse]) -> Result<()> {
        // A client with certificates that are no good any more would go on with them until its time is over.
        self.made_anew_after(metadata::check(&self.cluster, uses).await)
    }

    async fn position(&self, id: &PublisherId) -> Result<Option<u64>> {
        // Without permission for groups, librdkafka would wait out its time in silence.
        metadata::check(&self.cluster, &[]).await?;
        let (cluster, name) = (self.cluster.clone(), self.name_of(id));
        let look = move || writer::Positions::open(&cluster, &name)?.position();
        self.cluster.blocking(look).await
    }

    async fn close(&self) {}

    /// Kafka drops old records itself.
    async fn retire(&self, _now: DateTime<Utc>) -> Result<u64> {
        Ok(0)
    }
}

/// How many partitions a topic has. A topic without permission looks like one that is not there,
/// and must not look like one that is silent.
fn partitions(client: &BaseConsumer<Context>, topic: &str) -> Result<u32> {
    let metadata = client
        .fetch_metadata(Some(topic), CALL_TIMEOUT)
        .map_err(|error| failed(error, Some(client.context())))?;
    let found = metadata.topics().first();
    match found.and_then(MetadataTopic::error) {
        None => {}
        Some(code) => {
            return Err(match RDKafkaErrorCode::from(code) {
                RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::TopicAuthorizationFailed => {
                    Error::UnknownTopic(topic.to_owned())
                }
                other => Error::Engine(Box::new(KafkaError::MetadataFetch(other))),
            });
        }
    }
    let count = found.map_or(0, |topic| topic.partitions().len());
    match u32::try_from(count) {
        Ok(count) if count > 0 => Ok(count),
        _ => Err(Error::UnknownTopic(topic.to_owned())),
    }
}

/// From the first offset that is kept to the last that may be read, and one more.
fn bounds(
    client: &BaseConsumer<Context>,
    topic: &str,
    partition: Partition,
) -> Result<Range<Offset>> {
    if partition >= partitions(client, topic)? {
        return Err(Error::UnknownTopic(format!("{topic}/{partition}")));
    }
    let ask = || client.fetch_watermarks(topic, signed(partition), CALL_TIMEOUT);
    let (low, high) = once_it_has_a_leader(ask, CALL_TIMEOUT)
        .map_err(|error| failed(error, Some(client.context())))?;
    Ok(unsigned(low)..unsigned(high))
}

/// The answer to a question to a partition's leader. A partition that was just made, or moves to another broker, has
/// none for a moment; librdkafka waits for it where it reads and writes, but not where it asks.
fn once_it_has_a_leader<T>(ask: impl Fn() -> KafkaResult<T>, limit: Duration) -> KafkaResult<T> {
    let since = Instant::now();
    loop {
        let answer = ask();
        let leaderless = matches!(
            answer.as_ref().map_err(KafkaError::rdkafka_error_code),
            Err(Some(
                RDKafkaErrorCode::NotLeaderForPartition | RDKafkaErrorCode::LeaderNotAvailable
            ))
        );
        if !leaderless || since.elapsed() >= limit {
            return answer;
        }
        thread::sleep(LEADER_SOON);
    }
}

/// A list of one partition with one offset.
fn at(topic: &str, partition: i32, offset: u64) -> Result<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, rdkafka::Offset::Offset(stored(offset)))
        .map_err(|error| failed(error, None))?;
    Ok(list)
}

/// What an error of librdkafka means to our callers, with what the client heard from the broker last.
fn failed(error: KafkaError, context: Option<&Context>) -> Error {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::Fenced | RDKafkaErrorCode::InvalidProducerEpoch) => Error::Fenced,
        Some(RDKafkaErrorCode::InvalidTimestamp) => Error::OtherClock,
        Some(RDKafkaErrorCode::GroupAuthorizationFailed) => Error::NotAllowed {
            what: "use",
            name: "the groups <environment>.<service>.*".to_owned(),
        },
        Some(RDKafkaErrorCode::TransactionalIdAuthorizationFailed) => Error::NotAllowed {
            what: "use",
            name: "the transactional ids <environment>.<service>.*".to_owned(),
        },
        _ => match context.and_then(Context::last_reason) {
            Some(reason) => Error::Engine(format!("{error} ({reason})").into()),
            None => Error::Engine(Box::new(error)),
        },
    }
}

/// Kafka's numbers are signed; partitions and offsets are counted up from zero.
fn signed(partition: Partition) -> i32 {
    i32::try_from(partition).unwrap_or(i32::MAX)
}

fn stored(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

impl fmt::Debug for KafkaLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaLog")
            .field("cluster", &self.cluster)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
