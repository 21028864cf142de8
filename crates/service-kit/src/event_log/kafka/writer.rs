//! Writing: the fenced publisher, and the appender.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use rdkafka::{
    ClientConfig, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    message::{self, OwnedHeaders},
    producer::{BaseRecord, Producer as _, ThreadedProducer},
};

use super::{CALL_TIMEOUT, Cluster, Context, at, failed, partitions, signed, unsigned};
use crate::event_log::{Appender, Error, Header, NewRecord, Publisher, Result, partition_of};

/// How soon to look again whether the client has room for a record, or has let go of the last one.
const DRAIN_POLL: Duration = Duration::from_micros(200);

/// How long a broker keeps a transaction open whose publisher is gone.
const TRANSACTION_TIMEOUT_MS: &str = "60000";

/// The only writer of its line of publications.
#[derive(Debug)]
pub(super) struct KafkaPublisher {
    cluster: Cluster,
    line: Arc<Line>,
    /// The position that this publisher left: nobody else can have moved it without shutting this one out.
    next: Option<u64>,
}

impl KafkaPublisher {
    /// Shuts out every older publisher of this name; blocks until its open transaction is aborted.
    pub(super) fn open(cluster: Cluster, name: &str) -> Result<Self> {
        let mut config = writing(&cluster);
        config
            .set("transactional.id", name)
            .set("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS);
        let producer = Writer::open(&cluster, &config)?;
        // First this: an offset read before could still be moved by the older publisher.
        producer
            .client
            .init_transactions(CALL_TIMEOUT)
            .map_err(|error| producer.failed(error))?;
        let line = Line {
            positions: Positions::open(&cluster, name)?,
            producer,
        };
        Ok(Self {
            cluster,
            line: Arc::new(line),
            next: None,
        })
    }
}

#[async_trait]
impl Publisher for KafkaPublisher {
    async fn position(&mut self) -> Result<Option<u64>> {
        let line = Arc::clone(&self.line);
        self.cluster
            .blocking(move || line.positions.position())
            .await
    }

    async fn publish(&mut self, first: u64, records: Vec<NewRecord>) -> Result<()> {
        let line = Arc::clone(&self.line);
        // Asked for again after a failure.
        let known = self.next.take();
        let publish = move || line.publish(known, first, &records);
        let end = self.cluster.blocking(publish).await?;
        self.next = Some(end);
        Ok(())
    }
}

/// Where the position of one line of publications is read.
pub(super) struct Positions {
    /// Whose offset is the position.
    topic: String,
    client: BaseConsumer<Context>,
}

impl Positions {
    /// Those of the publisher called `name`.
    pub(super) fn open(cluster: &Cluster, name: &str) -> Result<Self> {
        let client = cluster
            .client()
            .set("group.id", name)
            .set("enable.auto.commit", "false")
            .set("isolation.level", "read_committed")
            .create_with_context(Context::default())
            .map_err(|error| failed(error, None))?;
        Ok(Self {
            topic: format!("{}.positions", cluster.access.prefix),
            client,
        })
    }

    pub(super) fn position(&self) -> Result<Option<u64>> {
        let mut list = TopicPartitionList::new();
        list.add_partition(&self.topic, 0);
        let found = self
            .client
            .committed_offsets(list, CALL_TIMEOUT)
            .map_err(|error| failed(error, Some(self.client.context())))?;
        let found = found
            .find_partition(&self.topic, 0)
            .ok_or_else(|| Error::UnknownTopic(self.topic.clone()))?;
        found.error().map_err(|error| failed(error, None))?;
        Ok(match found.offset() {
            rdkafka::Offset::Offset(offset) => Some(unsigned(offset)),
            _ => None,
        })
    }
}

/// One line of publications: what writes its records, and what reads its position.
struct Line {
    producer: Writer,
    positions: Positions,
}

impl Line {
    /// Answers the position behind what is published now.
    fn publish(&self, known: Option<u64>, first: u64, records: &[NewRecord]) -> Result<u64> {
        let known = match known {
            None => self.positions.position()?,
            known => known,
        };
        let next = known.unwrap_or(first);
        if first > next {
            return Err(Error::Gap {
                expected: next,
                found: first,
            });
        }
        let end = first.saturating_add(records.len() as u64).max(next);
        let published = usize::try_from(next - first).unwrap_or(usize::MAX);
        let new = records.get(published..).unwrap_or_default();
        // Nothing to write is still a transaction: it says whether this publisher is shut out.
        self.in_transaction(new, end)
            .map_err(|error| self.producer.failed(error))??;
        Ok(end)
    }

    /// Writes `records` and moves the position to `end`: both or neither.
    fn in_transaction(
        &self,
        records: &[NewRecord],
        end: u64,
    ) -> std::result::Result<Result<()>, KafkaError> {
        let client = &self.producer.client;
        client.begin_transaction()?;
        let written = self.producer.send(records).and_then(|()| {
            let group = self
                .positions
                .client
                .group_metadata()
                .ok_or_else(|| Error::Engine("the client has no group".into()))?;
            Ok((at(&self.positions.topic, 0, end)?, group))
        });
        let (position, group) = match written {
            Ok(ready) => ready,
            Err(error) => {
                client.abort_transaction(CALL_TIMEOUT)?;
                return Ok(Err(error));
            }
        };
        client.send_offsets_to_transaction(&position, &group, CALL_TIMEOUT)?;
        if let Err(error) = self.producer.drain() {
            client.abort_transaction(CALL_TIMEOUT)?;
            return Ok(Err(error));
        }
        client.commit_transaction(CALL_TIMEOUT)?;
        Ok(Ok(()))
    }
}

/// A writer without a position: what is written is acknowledged by every replica in sync.
#[derive(Debug)]
pub(super) struct KafkaAppender {
    cluster: Cluster,
    writer: Arc<Writer>,
}

impl KafkaAppender {
    pub(super) fn open(cluster: Cluster) -> Result<Self> {
        let mut config = writing(&cluster);
        config.set("enable.idempotence", "true");
        let writer = Arc::new(Writer::open(&cluster, &config)?);
        Ok(Self { cluster, writer })
    }
}

#[async_trait]
impl Appender for KafkaAppender {
    async fn append(&mut self, records: &[NewRecord]) -> Result<()> {
        let (writer, records) = (Arc::clone(&self.writer), records.to_vec());
        let append = move || {
            writer.send(&records)?;
            writer.drain()
        };
        self.cluster.blocking(append).await
    }
}

/// What every writing client has in common.
fn writing(cluster: &Cluster) -> ClientConfig {
    let mut config = cluster.client();
    config
        .set("linger.ms", "5")
        // The next transaction often comes before the broker has closed the last one: ask again soon.
        .set("retry.backoff.ms", "5")
        .set("message.timeout.ms", "20000");
    config
}

/// A producer that chooses partitions as every engine does.
struct Writer {
    client: ThreadedProducer<Context>,
    /// Tells how many partitions a topic has.
    asker: BaseConsumer<Context>,
    counts: Mutex<BTreeMap<String, u32>>,
}

impl Writer {
    fn open(cluster: &Cluster, config: &ClientConfig) -> Result<Self> {
        Ok(Self {
            client: config
                .create_with_context(Context::default())
                .map_err(|error| failed(error, None))?,
            asker: cluster.consumer()?,
            counts: Mutex::default(),
        })
    }

    /// Hands the records to the client, which sends them in order.
    fn send(&self, records: &[NewRecord]) -> Result<()> {
        self.client.context().sending(records.len());
        for record in records {
            let partition = partition_of(&record.key, self.partitions(&record.topic)?);
            let mut message = BaseRecord::<[u8], [u8]>::to(&record.topic)
                .partition(signed(partition))
                .key(&record.key)
                .payload(&record.value)
                .timestamp(record.timestamp.timestamp_millis());
            if !record.headers.is_empty() {
                message = message.headers(headers(&record.headers));
            }
            let started = Instant::now();
            while let Err((error, back)) = self.client.send(message) {
                let full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
                if !full || started.elapsed() > CALL_TIMEOUT {
                    return Err(self.failed(error));
                }
                thread::sleep(DRAIN_POLL);
                message = back;
            }
        }
        Ok(())
    }

    /// Waits until all that was sent is acknowledged.
    fn drain(&self) -> Result<()> {
        let started = Instant::now();
        let mut in_time = self.client.context().wait_for_all(CALL_TIMEOUT);
        // The client lets go of the last ones a moment later. Its own flush, inside a commit, would look again after 100 ms.
        while in_time && self.client.in_flight_count() > 0 {
            thread::sleep(DRAIN_POLL);
            in_time = started.elapsed() < CALL_TIMEOUT;
        }
        if !in_time {
            return Err(self.failed(KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut)));
        }
        let undelivered = self.client.context().undelivered();
        undelivered.map_or(Ok(()), |error| Err(self.failed(error)))
    }

    /// Asked once for each topic: it never changes.
    fn partitions(&self, topic: &str) -> Result<u32> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get(topic) {
            return Ok(*count);
        }
        let count = partitions(&self.asker, topic)?;
        counts.insert(topic.to_owned(), count);
        Ok(count)
    }

    fn failed(&self, error: KafkaError) -> Error {
        failed(error, Some(self.client.context()))
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line")
            .field("topic", &self.positions.topic)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

fn headers(said: &[Header]) -> OwnedHeaders {
    said.iter().fold(OwnedHeaders::new(), |headers, header| {
        headers.insert(message::Header {
            key: &header.name,
            value: Some(&header.value),
        })
    })
}
