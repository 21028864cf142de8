//! Reading: what is committed, partition by partition.

use std::{
    collections::BTreeMap,
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::BytesMut;
use chrono::DateTime;
use rdkafka::{
    Message as _, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    message::{BorrowedHeaders, BorrowedMessage, Headers as _},
};

use super::{CALL_TIMEOUT, Cluster, Context, bounds, failed, signed, stored, unsigned};
use crate::event_log::{
    Batch, Consumer, Error, Header, Offset, Partition, Record, Result, check_position,
};

/// How long one look for records waits before the time in all is looked at.
const POLL: Duration = Duration::from_millis(100);

/// How many bytes the records of a partition have allocated for them at once.
const BLOCK_BYTES: usize = 64 * 1024;

/// A batch is full with so many bytes, too: of the largest records that a broker takes, as many as we ask for would be gigabytes.
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A reader. Its state is behind a lock because calls run on threads for blocking work.
#[derive(Debug)]
pub(super) struct KafkaConsumer {
    cluster: Cluster,
    reader: Arc<Mutex<Reader>>,
}

impl KafkaConsumer {
    pub(super) fn open(
        cluster: Cluster,
        topic: String,
        from: Vec<(Partition, Offset)>,
    ) -> Result<Self> {
        let client = cluster.consumer()?;
        let mut list = TopicPartitionList::new();
        let mut partitions = BTreeMap::new();
        for (partition, position) in from {
            let end = check(&client, &topic, partition, position)?;
            let offset = rdkafka::Offset::Offset(stored(position));
            list.add_partition_offset(&topic, signed(partition), offset)
                .map_err(|error| failed(error, None))?;
            partitions.insert(partition, Place::new(position, end));
        }
        client.assign(&list).map_err(|error| failed(error, None))?;
        Ok(Self {
            cluster,
            reader: Arc::new(Mutex::new(Reader {
                client,
                topic,
                partitions,
                with_headers: true,
            })),
        })
    }
}

#[async_trait]
impl Consumer for KafkaConsumer {
    async fn next_up_to(&mut self, records_max: u32) -> Result<Option<Batch>> {
        let reader = Arc::clone(&self.reader);
        let records_max = usize::try_from(records_max).unwrap_or(usize::MAX);
        let next = move || lock(&reader).next(records_max);
        self.cluster.blocking(next).await
    }

    /// The client has to look for them in each record, also where there are none.
    fn skip_headers(&mut self) {
        lock(&self.reader).with_headers = false;
    }
}

fn lock(reader: &Mutex<Reader>) -> MutexGuard<'_, Reader> {
    reader.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where reading stands in one partition.
#[derive(Debug)]
struct Place {
    /// The `from` of the next batch.
    position: Offset,
    /// What was fetched and not yet handed out.
    fetched: Vec<Record>,
    /// Where the bytes of the next records go: an allocation for many, since each would be made by one thread and freed by another.
    block: BytesMut,
    /// How large that is.
    bytes: usize,
    /// The end of the partition, when it was last asked for.
    end: Offset,
    /// Whether reading has reached that end. Then the partition is paused: else the broker would be asked for more of it
    /// again and again, for as long as others are read.
    has_ended: bool,
}

impl Place {
    fn new(position: Offset, end: Offset) -> Self {
        Self {
            position,
            fetched: Vec::new(),
            block: BytesMut::with_capacity(BLOCK_BYTES),
            bytes: 0,
            end,
            has_ended: false,
        }
    }

    fn put(&mut self, message: &BorrowedMessage<'_>, with_headers: bool) {
        let mut record = record(message, &mut self.block);
        if with_headers {
            record.headers = message.headers().map_or_else(Vec::new, headers);
        }
        self.bytes += size(&record);
        self.fetched.push(record);
    }

    /// Whether there is a full batch of up to `records_max` records.
    fn is_full(&self, records_max: usize) -> bool {
        self.fetched.len() >= records_max || self.bytes >= BATCH_BYTES_MAX
    }

    /// The next records, if there are enough of them or no more for now.
    fn take(&mut self, partition: Partition, records_max: usize) -> Option<Batch> {
        if self.fetched.is_empty() || !(self.is_full(records_max) || self.has_ended) {
            return None;
        }
        let count = self.fetched.len().min(records_max);
        // The next batch has as many, and is not to be moved as it grows.
        let mut rest = Vec::with_capacity(count);
        rest.extend(self.fetched.drain(count..));
        self.bytes = rest.iter().map(size).sum();
        let records = mem::replace(&mut self.fetched, rest);
        let from = self.position;
        self.position = records.last().map_or(from, |last| last.offset + 1);
        Some(Batch {
            partition,
            from,
            to: self.position,
            records,
        })
    }
}

/// What a record takes in memory, about.
fn size(record: &Record) -> usize {
    let headers = record.headers.iter();
    let headers: usize = headers
        .map(|header| header.name.len() + header.value.len())
        .sum();
    record.key.len() + record.value.len() + headers
}

struct Reader {
    client: BaseConsumer<Context>,
    topic: String,
    partitions: BTreeMap<Partition, Place>,
    with_headers: bool,
}

impl Reader {
    fn next(&mut self, records_max: usize) -> Result<Option<Batch>> {
        let mut has_looked = false;
        loop {
            for (partition, place) in &mut self.partitions {
                if let Some(batch) = place.take(*partition, records_max) {
                    return Ok(Some(batch));
                }
            }
            let mut places = self.partitions.values();
            if places.all(|place| place.has_ended) && (has_looked || !self.look_for_more()?) {
                return Ok(None);
            }
            self.fetch(records_max)?;
            has_looked = true;
        }
    }

    /// Whether a partition has grown that was read to its end: until then it counts as ended. To ask is worth its two
    /// questions to the broker once nothing else is left to hand out.
    fn look_for_more(&mut self) -> Result<bool> {
        let mut found = false;
        for (partition, place) in &mut self.partitions {
            if !place.has_ended {
                continue;
            }
            let end = bounds(&self.client, &self.topic, *partition)?.end;
            if end > place.end {
                place.end = end;
                place.has_ended = false;
                let paused = one(&self.topic, *partition);
                self.client
                    .resume(&paused)
                    .map_err(|error| failed(error, Some(self.client.context())))?;
                found = true;
            }
        }
        Ok(found)
    }

    /// Takes records until there is a full batch, or the news that a partition has no more.
    fn fetch(&mut self, records_max: usize) -> Result<()> {
        let started = Instant::now();
        loop {
            // What is there already is had without a look at the clock.
            let there = self.client.poll(Duration::ZERO);
            match there.or_else(|| self.client.poll(POLL)) {
                None if started.elapsed() > CALL_TIMEOUT => {
                    let error = KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut);
                    return Err(failed(error, Some(self.client.context())));
                }
                None => {}
                Some(Ok(message)) => {
                    if let Some(place) = self.partitions.get_mut(&partition(message.partition())) {
                        place.put(&message, self.with_headers);
                        if place.is_full(records_max) {
                            return Ok(());
                        }
                    }
                }
                Some(Err(KafkaError::PartitionEOF(ended))) => {
                    return self.pause(partition(ended));
                }
                Some(Err(error)) => return Err(self.failed(error)),
            }
        }
    }

    /// Reads no more of a partition that was read to its end, until it has grown. What it has grown by since it ended
    /// is dropped unread and fetched again then: its end as we know it is from before.
    fn pause(&mut self, ended: Partition) -> Result<()> {
        if let Some(place) = self.partitions.get_mut(&ended) {
            place.has_ended = true;
            self.client
                .pause(&one(&self.topic, ended))
                .map_err(|error| failed(error, Some(self.client.context())))?;
        }
        Ok(())
    }

    /// Tells a position that the log has lost from other errors.
    fn failed(&self, error: KafkaError) -> Error {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AutoOffsetReset) {
            for (partition, place) in &self.partitions {
                if let Err(outside) = check(&self.client, &self.topic, *partition, place.position) {
                    return outside;
                }
            }
        }
        failed(error, Some(self.client.context()))
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("topic", &self.topic)
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}

/// The end of a partition, of which `position` must be a part.
fn check(
    client: &BaseConsumer<Context>,
    topic: &str,
    partition: Partition,
    position: Offset,
) -> Result<Offset> {
    let bounds = bounds(client, topic, partition)?;
    check_position(&bounds, topic, partition, position)?;
    Ok(bounds.end)
}

/// A list of one partition.
fn one(topic: &str, partition: Partition) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    list.add_partition(topic, signed(partition));
    list
}

fn partition(number: i32) -> Partition {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The record without its headers.
fn record(message: &BorrowedMessage<'_>, block: &mut BytesMut) -> Record {
    let millis = message.timestamp().to_millis().unwrap_or(0);
    let key = message.key().unwrap_or_default();
    let value = message.payload().unwrap_or_default();
    block.reserve(key.len() + value.len());
    block.extend_from_slice(key);
    block.extend_from_slice(value);
    let mut both = block.split().freeze();
    Record {
        offset: unsigned(message.offset()),
        key: both.split_to(key.len()),
        value: both,
        headers: Vec::new(),
        timestamp: DateTime::from_timestamp_millis(millis).unwrap_or_default(),
    }
}

fn headers(found: &BorrowedHeaders) -> Vec<Header> {
    let headers = found.iter().map(|header| Header {
        name: header.key.to_owned(),
        value: header.value.unwrap_or_default().to_vec(),
    });
    headers.collect()
}
