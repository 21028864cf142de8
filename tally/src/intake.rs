//! Reading the topics to their end, each record exactly once.
//!
//! A batch's effect and the position behind it are stored in one transaction, which asks that the
//! position is still where reading started. So a batch that is read again after a crash, or by two
//! processes at once, has its effect once. Leases share the partitions among processes and are not
//! needed for that.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::NaiveDate;
use clock::Clock;
use ed25519_dalek::VerifyingKey;
use messages::{
    avro::{DirectoryHead, Record as _},
    directory::Head,
};
use service_kit::{
    event_log::{self, Batch, EventLog, Offset, Record},
    fault::{Crashed, FaultPoints},
    lease::{Claim, Holder, Lease, renew_at},
    shutdown::Shutdown,
};

use crate::{
    domain::{Refusal, VoteBatch, VoteReader, day::is_past, funds::FundsTotals},
    health::{Health, Stop},
    store::{Place, Raw, Read, Span, Store, StoreError, Taken},
    topics::Topics,
};

/// How many records go through one transaction. With 5,000, an event takes no more of our CPU time, but counting goes little more than
/// half as fast, as it waits for the database twice as often. This many take a fifth of a second, for which other writers wait.
const BATCH_RECORDS_MAX: u32 = 10_000;

/// What the intake works with.
#[derive(Clone, Debug)]
pub struct IntakeParts {
    /// Where the effects go.
    pub store: Arc<dyn Store>,
    /// Where the records are.
    pub log: Arc<dyn EventLog>,
    /// The topics.
    pub topics: Topics,
    /// The calendar.
    pub clock: Clock,
    /// How long a lease on a partition lasts, in real time.
    pub lease_lasts: Duration,
    /// For how many months events are remembered.
    pub event_id_months: u32,
    /// The keys that sign the key directory's heads: which of them when, only the entries say.
    pub directory_keys: Vec<VerifyingKey>,
    /// Whether reading has stopped for an operator to decide.
    pub health: Health,
    /// The order to stop: however long the log is, no batch begins after it.
    pub shutdown: Shutdown,
    /// Where the tests let it crash.
    pub faults: FaultPoints,
}

/// How far a run came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reached {
    /// The end of every topic.
    End,
    /// The end of what other processes are not reading.
    OthersRead,
    /// The order to stop came. The next process goes on there.
    Stopped,
}

/// Why a run ended early. The next one goes on where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// A planted crash.
    #[error(transparent)]
    Crashed(#[from] Crashed),
    /// The log failed.
    #[error(transparent)]
    Log(event_log::Error),
    /// Another process has moved on; nothing was stored.
    #[error("another process has taken the batch")]
    Overtaken,
    /// Log and database disagree: an operator has to decide.
    #[error(transparent)]
    Stopped(#[from] Stop),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<event_log::Error> for IntakeError {
    fn from(error: event_log::Error) -> Self {
        match error {
            event_log::Error::OutsideLog {
                topic,
                partition,
                position,
                start,
                end,
            } => Self::Stopped(Stop::OutsideLog {
                topic,
                partition,
                position,
                start,
                end,
            }),
            error => Self::Log(error),
        }
    }
}

/// What a topic holds.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Directory,
    Funds,
    Vote,
}

/// A partition that this process reads for now.
#[derive(Debug)]
struct Claimed {
    place: Place,
    lease: Lease,
    position: Offset,
    /// When to renew the lease.
    renew_at: Instant,
}

/// Reads the topics. One run at a time in a process.
#[derive(Debug)]
pub struct Intake {
    parts: IntakeParts,
    holder: Holder,
    running: tokio::sync::Mutex<()>,
}

impl Intake {
    /// An intake that has read nothing yet.
    pub fn new(parts: IntakeParts) -> Self {
        Self {
            parts,
            holder: Holder::random(),
            running: tokio::sync::Mutex::new(()),
        }
    }

    /// Reads every topic to its end.
    pub async fn run(&self) -> Result<Reached, IntakeError> {
        let _alone = self.running.lock().await;
        let reached = self.read_all().await;
        self.parts.health.note(&reached);
        reached
    }

    async fn read_all(&self) -> Result<Reached, IntakeError> {
        let identity = self.parts.log.identity().await?;
        if !self.parts.store.is_known_log(&identity).await? {
            return Err(Stop::OtherLog.into());
        }
        let Topics {
            vote,
            funds,
            directory,
            ..
        } = &self.parts.topics;
        let mut reached = Reached::End;
        // Votes first: a record of funds is compared with the votes of its day.
        for (topic, kind) in [
            (vote, Kind::Vote),
            (funds, Kind::Funds),
            (directory, Kind::Directory),
        ] {
            match self.read_topic(topic, kind).await? {
                Reached::End => {}
                Reached::OthersRead => reached = Reached::OthersRead,
                Reached::Stopped => return Ok(Reached::Stopped),
            }
        }
        Ok(reached)
    }

    async fn read_topic(&self, topic: &str, kind: Kind) -> Result<Reached, IntakeError> {
        let partitions = match self.parts.log.partitions(topic).await {
            Ok(partitions) => partitions,
            // Its writer has not started yet. A topic that is gone again is another log's.
            Err(event_log::Error::UnknownTopic(_)) => return Ok(Reached::End),
            Err(error) => return Err(error.into()),
        };
        let mut reached = Reached::End;
        let mut claimed = Vec::new();
        for partition in 0..partitions {
            let place = Place {
                topic: topic.to_owned(),
                partition,
            };
            // Most of the time there is nothing new, and finding that out writes nothing.
            if !self.has_new(&place).await? {
                continue;
            }
            match self.claim(place).await? {
                Some(partition) => claimed.push(partition),
                None => reached = Reached::OthersRead,
            }
        }
        if claimed.is_empty() {
            return Ok(reached);
        }
        let read = self.read_claimed(topic, kind, &mut claimed).await;
        if !matches!(read, Err(IntakeError::Crashed(_))) {
            for Claimed { lease, .. } in &claimed {
                // If this fails, the lease runs out by itself.
                let _released = self.parts.store.release(lease).await;
            }
        }
        Ok(match read? {
            Reached::End => reached,
            stopped => stopped,
        })
    }

    /// Whether the log has more of this partition than was read. A position outside it is an error.
    async fn has_new(&self, place: &Place) -> Result<bool, IntakeError> {
        let Place { topic, partition } = place;
        let bounds = self.parts.log.bounds(topic, *partition).await?;
        let position = self.parts.store.position(place).await?;
        Stop::check_position(place, position, &bounds)?;
        Ok(position < bounds.end)
    }

    async fn claim(&self, place: Place) -> Result<Option<Claimed>, IntakeError> {
        let renew_at = renew_at(self.parts.lease_lasts);
        let claim = Claim::now(self.holder, self.parts.lease_lasts);
        let taken = self.parts.store.claim(&place, claim).await?;
        Ok(taken.map(|(lease, position)| Claimed {
            place,
            lease,
            position,
            renew_at,
        }))
    }

    /// A long run must not outlive its lease.
    async fn renew(&self, held: &mut Claimed) -> Result<(), IntakeError> {
        if Instant::now() < held.renew_at {
            return Ok(());
        }
        let renewed = self.claim(held.place.clone()).await?;
        let same = renewed.filter(|renewed| renewed.lease == held.lease);
        *held = same.ok_or(IntakeError::Overtaken)?;
        Ok(())
    }

    async fn read_claimed(
        &self,
        topic: &str,
        kind: Kind,
        claimed: &mut [Claimed],
    ) -> Result<Reached, IntakeError> {
        let from = claimed
            .iter()
            .map(|claimed| (claimed.place.partition, claimed.position));
        let mut consumer = self.parts.log.consumer(topic, from.collect()).await?;
        consumer.skip_headers();
        while let Some(batch) = consumer.next_up_to(BATCH_RECORDS_MAX).await? {
            if self.parts.shutdown.has_begun() {
                return Ok(Reached::Stopped);
            }
            self.parts.faults.at("tally-batch-read")?;
            let held = claimed
                .iter_mut()
                .find(|claimed| claimed.place.partition == batch.partition);
            let Some(held) = held else {
                return Err(IntakeError::Overtaken);
            };
            self.renew(held).await?;
            self.parts.faults.at("tally-batch-claimed")?;
            let taken = self.take(&held.place, kind, batch).await?;
            let Taken::Moved(effect) = taken else {
                return Err(IntakeError::Overtaken);
            };
            self.parts.faults.at("tally-batch-taken")?;
            for (what, count) in [
                ("applied", effect.applied),
                ("known", effect.known),
                ("refused", effect.refused),
                ("alarm", effect.alarms),
            ] {
                metrics::counter!("blindtally_tally_records_total", "topic" => topic.to_owned(), "what" => what)
                    .increment(count);
            }
            if effect.alarms > 0 {
                tracing::error!(
                    topic,
                    alarms = effect.alarms,
                    "the topic holds what no healthy system writes"
                );
            }
        }
        Ok(Reached::End)
    }

    async fn take(&self, place: &Place, kind: Kind, batch: Batch) -> Result<Taken, IntakeError> {
        let today = self.parts.clock.today();
        let span = Span {
            place: place.clone(),
            from: batch.from,
            to: batch.to,
        };
        let store = &self.parts.store;
        let taken = match kind {
            Kind::Vote => {
                let months = self.parts.event_id_months;
                let (votes, refused) = read_votes(batch.records, VoteReader::new(today, months));
                store.count_votes(&span, &votes, &refused).await?
            }
            Kind::Funds => {
                let totals = read(batch.records, |value| FundsTotals::read(value, today));
                store.take_funds(&span, &totals, today).await?
            }
            Kind::Directory => {
                let heads = read(batch.records, |value| self.directory_head(value, today));
                store.witness(&span, &heads).await?
            }
        };
        Ok(taken)
    }

    fn directory_head(&self, value: &[u8], today: NaiveDate) -> Result<Head, Refusal> {
        let record = DirectoryHead::decode(value).map_err(|_| Refusal::NotARecord)?;
        let head = Head::try_from(record).map_err(|_| Refusal::NotARecord)?;
        let mut keys = self.parts.directory_keys.iter();
        if !keys.any(|key| head.is_signed_by(key)) {
            return Err(Refusal::BadSignature);
        }
        // A head of a later day would stand before every true one until then.
        if !is_past(head.day, today) {
            return Err(Refusal::BadDay);
        }
        Ok(head)
    }
}

fn read<T>(records: Vec<Record>, said: impl Fn(&[u8]) -> Result<T, Refusal>) -> Vec<Read<T>> {
    let read = records.into_iter().map(|record| Read {
        said: said(&record.value),
        raw: raw(record),
    });
    read.collect()
}

/// The votes, and the records that are none.
fn read_votes(records: Vec<Record>, mut reader: VoteReader) -> (VoteBatch, Vec<(Raw, Refusal)>) {
    let refused = records.into_iter().filter_map(|record| {
        let refusal = reader.read(&record.value).err()?;
        Some((raw(record), refusal))
    });
    let refused = refused.collect();
    (reader.into_votes(), refused)
}

fn raw(record: Record) -> Raw {
    Raw {
        offset: record.offset,
        key: record.key,
        value: record.value,
    }
}
