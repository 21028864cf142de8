//! A run over a channel: every partition to its end, batch by batch, and the epochs that are over.
//!
//! | Dies after | What the next one finds | What it does |
//! |---|---|---|
//! | reading a batch | the position before it | reads it again |
//! | storing it | position and all effects | goes on behind it |
//! | dropping an epoch (`expiry.rs`) | no rows of it | nothing |

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use clock::Clock;
use service_kit::{
    event_log::{self, BATCH_RECORDS_MAX, Consumer, EventLog, Offset, Partition, Record},
    fault::{Crashed, FaultPoints},
    lease::{Claim, Holder, renew_at},
    shutdown::Shutdown,
};

use super::{
    expiry::Unbalanced,
    failures::{Failures, Reach},
    known::Known,
    memory::{MESSAGE_BYTES, MemoryBound},
    pressure::Pressure,
    round::{GivenUp, Round},
    rules::Rules,
    store::{Claimed, Span, Store, StoreError, Taken},
    summary::Summary,
    tally::Tally,
};
use crate::domain::channel::Channel;

/// How long after its time a record may be appended: collect gives it the minute in which its batch began. What comes later of an
/// epoch that was closed is late.
pub const APPENDED_WITHIN: TimeDelta = TimeDelta::minutes(10);

/// What a run works with.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The channel.
    pub channel: Channel,
    /// The database.
    pub store: Arc<dyn Store>,
    /// Where messages come from.
    pub log: Arc<dyn EventLog>,
    /// The calendar: which epochs are over.
    pub clock: Clock,
    /// The bounds.
    pub limits: Limits,
    /// What is believed.
    pub rules: Rules,
    /// How long a lease on a partition lasts, in real time.
    pub lease_lasts: Duration,
    /// The order to stop: no batch begins after it.
    pub shutdown: Shutdown,
    /// Where the tests let it crash.
    pub faults: FaultPoints,
}

/// The bounds of a run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// The most messages of one batch: one transaction.
    pub batch_messages: usize,
    /// The most memory that a run takes.
    pub memory: MemoryBound,
    /// How many bytes of messages may wait for one group.
    pub waiting_bytes_per_group_max: u64,
    /// How many bytes of messages of an epoch may wait, in all partitions.
    pub pending_bytes_max: u64,
    /// With fewer new messages than this and no epoch that is over, nothing is read.
    pub lag_min: u64,
}

/// Why a run did not do all that there was to do. The next one goes on where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum AggregateError {
    /// A planted crash.
    #[error(transparent)]
    Crashed(#[from] Crashed),
    /// The log failed, or has lost what was not read yet.
    #[error(transparent)]
    Log(#[from] event_log::Error),
    /// The log is another one than the positions are of.
    #[error(
        "the event log is not the one that was read so far: it was made anew in its place. Restore it, or give the \
         aggregator an empty database"
    )]
    OtherLog,
    /// Another process has moved on; nothing was stored.
    #[error("another process has taken the batch")]
    Overtaken,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The counts of an epoch do not add up.
    #[error(transparent)]
    Unbalanced(#[from] Unbalanced),
}

/// Told how many messages of how many were read.
pub type Progress = dyn Fn(u64, u64) + Send + Sync;

/// Runs over a channel.
pub struct Worker {
    pub(super) parts: Parts,
    holder: Holder,
    progress: Box<Progress>,
}

/// A partition that is read now.
pub(super) struct Reading {
    pub(super) partition: Partition,
    pub(super) claimed: Claimed,
    pub(super) known: Known,
    /// How many messages the next batch has: fewer than it may, behind one that had no room.
    batch_messages: usize,
    renew_at: Instant,
}

impl Worker {
    /// A worker that has done nothing yet, and tells `progress` how far it is.
    pub fn new(parts: Parts, progress: Box<Progress>) -> Self {
        Self {
            parts,
            holder: Holder::random(),
            progress,
        }
    }

    /// Reads every partition to its end, and closes the epochs that are over. What keeps up one of them is told when the others are
    /// done.
    pub async fn run(&self) -> Result<Summary, AggregateError> {
        let Parts {
            log,
            store,
            channel,
            ..
        } = &self.parts;
        if !store.is_known_log(&log.identity().await?).await? {
            return Err(AggregateError::OtherLog);
        }
        let topic = &channel.input_topic;
        let partitions = log.partitions(topic).await?;
        let mut summary = Summary {
            left_unread: self.too_few(partitions).await?,
            ..Summary::default()
        };
        let mut failures = Failures::default();
        while summary.left_unread == 0 {
            let level = summary.sampling_level;
            summary.left_to_others = 0;
            self.go_through(partitions, &mut summary, &mut failures)
                .await?;
            // A level that one partition raised is for those, too, that were read before it.
            if summary.sampling_level == level {
                break;
            }
        }
        summary.leave_pending(store.pending_messages(topic).await?, &channel.name);
        failures.first().map(|()| summary)
    }

    /// Whether no message of `epoch` comes any more.
    pub(super) fn is_over(&self, epoch: u64) -> bool {
        let end = self.parts.channel.epochs.end_of(epoch);
        self.parts.clock.now() - APPENDED_WITHIN >= end
    }

    /// Reads every partition.
    async fn go_through(
        &self,
        partitions: u32,
        summary: &mut Summary,
        failures: &mut Failures,
    ) -> Result<(), AggregateError> {
        for partition in 0..partitions {
            if self.parts.shutdown.has_begun() {
                break;
            }
            let read = self.read_partition(partition, summary, failures).await;
            if let Err(error) = read {
                failures.keep(error, partition, Reach::Partition)?;
            }
        }
        Ok(())
    }

    /// Reads a partition, unless somebody else does.
    async fn read_partition(
        &self,
        partition: Partition,
        summary: &mut Summary,
        failures: &mut Failures,
    ) -> Result<(), AggregateError> {
        let renew_at = renew_at(self.parts.lease_lasts);
        let Some(claimed) = self.claim(partition).await? else {
            summary.left_to_others += 1;
            return Ok(());
        };
        let mut reading = Reading {
            partition,
            claimed,
            known: Known::default(),
            batch_messages: self.parts.limits.batch_messages,
            renew_at,
        };
        let read = self.read(&mut reading, summary, failures).await;
        if !matches!(read, Err(AggregateError::Crashed(_))) {
            // If this fails, the lease runs out by itself.
            let _released = self.parts.store.release(&reading.claimed.lease).await;
        }
        read
    }

    async fn claim(&self, partition: Partition) -> Result<Option<Claimed>, AggregateError> {
        let claim = Claim::now(self.holder, self.parts.lease_lasts);
        let topic = &self.parts.channel.input_topic;
        Ok(self.parts.store.claim(topic, partition, claim).await?)
    }

    async fn read(
        &self,
        reading: &mut Reading,
        summary: &mut Summary,
        failures: &mut Failures,
    ) -> Result<(), AggregateError> {
        let Parts { log, channel, .. } = &self.parts;
        let mut consumer = self.consumer(reading).await?;
        let end = log.end(&channel.input_topic, reading.partition).await?;
        self.sweep(reading, summary).await?;
        while !self.parts.shutdown.has_begun() {
            let started = Instant::now();
            let Some((to, records)) = self.batch(consumer.as_mut(), reading).await? else {
                return self.close_epochs(reading, summary, failures).await;
            };
            summary.times.reading += started.elapsed();
            self.parts.faults.at("star-batch-read")?;
            self.renew(reading).await?;
            let messages = records.len();
            if self.take(reading, to, records, summary).await? {
                let max = self.parts.limits.batch_messages;
                reading.batch_messages = reading.batch_messages.saturating_mul(2).min(max);
                (self.progress)(to.min(end), end);
            } else {
                // Nothing of it was stored.
                reading.known = Known::default();
                reading.batch_messages = (messages / 2).max(1);
                consumer = self.consumer(reading).await?;
            }
        }
        Ok(())
    }

    /// Reads on from where the partition was read to.
    async fn consumer(&self, reading: &Reading) -> event_log::Result<Box<dyn Consumer>> {
        let from = vec![(reading.partition, reading.claimed.position)];
        let topic = &self.parts.channel.input_topic;
        self.parts.log.consumer(topic, from).await
    }

    /// So many records of the partition as a batch has, and where they end. `None`: it is read to its end.
    async fn batch(
        &self,
        consumer: &mut dyn Consumer,
        reading: &Reading,
    ) -> Result<Option<(Offset, Vec<Record>)>, AggregateError> {
        let from = reading.claimed.position;
        let (mut records, mut bytes) = (Vec::new(), 0);
        let mut end = from;
        let bytes_max = self.parts.limits.memory.records();
        while records.len() < reading.batch_messages && (bytes < bytes_max || records.is_empty()) {
            let missing = reading.batch_messages - records.len();
            let missing = u32::try_from(missing).unwrap_or(u32::MAX);
            let next = consumer.next_up_to(missing.min(BATCH_RECORDS_MAX));
            let Some(batch) = next.await? else {
                break;
            };
            end = batch.to;
            let size = |record: &Record| record.value.len() + MESSAGE_BYTES;
            bytes += batch.records.iter().map(size).sum::<usize>();
            records.extend(batch.records);
        }
        Ok((end > from).then_some((end, records)))
    }

    /// A long run must not outlive its lease.
    pub(super) async fn renew(&self, reading: &mut Reading) -> Result<(), AggregateError> {
        if Instant::now() < reading.renew_at {
            return Ok(());
        }
        reading.renew_at = renew_at(self.parts.lease_lasts);
        let claimed = self.claim(reading.partition).await?;
        let same = claimed.is_some_and(|claimed| claimed == reading.claimed);
        if same {
            Ok(())
        } else {
            Err(AggregateError::Overtaken)
        }
    }

    /// Opens a batch and stores what comes of it. `false`: it has no room.
    async fn take(
        &self,
        reading: &mut Reading,
        to: Offset,
        records: Vec<Record>,
        summary: &mut Summary,
    ) -> Result<bool, AggregateError> {
        let Parts {
            store,
            channel,
            limits,
            rules,
            ..
        } = &self.parts;
        let span = Span {
            slot: reading.claimed.slot,
            from: reading.claimed.position,
            to,
        };
        let started = Instant::now();
        let mut pressure = Pressure::load(store.as_ref(), span.slot).await?;
        let known = &mut reading.known;
        let round = Round::new(
            channel,
            store.as_ref(),
            known,
            &mut pressure,
            (*limits, *rules),
            reading.claimed.epochs_closed,
        );
        let opened = round.run(records).await;
        summary.times.opening += started.elapsed();
        let (changes, tally) = match opened {
            Ok(opened) => opened,
            Err(GivenUp::Crowded(decoding)) => {
                let spent = Tally {
                    decoding,
                    ..Tally::default()
                };
                summary.count(&spent, &channel.name);
                return Ok(false);
            }
            Err(GivenUp::Store(error)) => return Err(error.into()),
        };
        self.parts.faults.at("star-batch-opened")?;
        let started = Instant::now();
        if store.store(span, &changes).await? == Taken::Overtaken {
            return Err(AggregateError::Overtaken);
        }
        summary.times.storing += started.elapsed();
        self.parts.faults.at("star-batch-stored")?;
        reading.claimed.position = to;
        reading.known.settle(limits.memory.remembered());
        summary.count(&tally, &channel.name);
        self.sweep(reading, summary).await?;
        Ok(true)
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("parts", &self.parts)
            .finish_non_exhaustive()
    }
}
