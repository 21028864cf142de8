//! The relay: takes rows in, publishes them, deletes them.
//!
//! | Dies after | What the next one finds | What it does |
//! |---|---|---|
//! | a slot was begun | rows that are due of it | gives them positions |
//! | positions were given | rows from the watermark on | publishes them |
//! | publishing | rows below the watermark | deletes them |
//! | deleting | nothing | nothing |

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use clock::Clock;
use uuid::Uuid;

use super::{Outbox, OutboxError, OutboxState, Schedule, Shuffle, schedule::Due};
use crate::{
    event_log::{self, EventLog, Publisher, PublisherId},
    fault::{Crashed, FaultPoints},
    lease::{Claim, Holder, Lease, LeaseLost, renew_at},
};

/// A slot that is further ahead was come to by a clock that has been set back since.
const AHEAD_MAX: TimeDelta = TimeDelta::hours(1);

/// What a relay works with.
#[derive(Clone, Debug)]
pub struct RelayParts {
    /// Names its line of publications in the log.
    pub name: String,
    /// Where the rows are.
    pub outbox: Arc<dyn Outbox>,
    /// Where they go.
    pub log: Arc<dyn EventLog>,
    /// The calendar: days of publication, slots.
    pub clock: Clock,
    /// When new rows are taken in.
    pub schedule: Schedule,
    /// How many rows go through one transaction: [`super::BATCH_ROWS_MAX`], or fewer.
    pub batch_rows_max: u32,
    /// How long its lease lasts, in real time.
    pub lease_lasts: Duration,
    /// The order that rows get. Random, wherever a row is somebody's.
    pub shuffle: Shuffle,
    /// Where the tests let it crash.
    pub faults: FaultPoints,
}

/// What a run takes in.
#[derive(Clone, Copy, Debug)]
struct Intake {
    /// The slot that it is the first to come to.
    begins: Option<DateTime<Utc>>,
    /// How many rows.
    rows: u64,
}

/// What a run did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ran {
    /// Another process relays.
    NotMine,
    /// So many records were published.
    Published(u64),
}

/// Outbox and log disagree. Going on could lose or repeat records silently.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Stop {
    /// The log has more than the outbox ever gave.
    #[error(
        "the log has the outbox's records up to {watermark}, but only {counter} positions were given: \
         the database was restored from a backup. Give the outbox a new generation \
         (`outbox new-generation`) before it publishes again"
    )]
    AboveCounter {
        /// How far the log is.
        watermark: u64,
        /// The next position to give.
        counter: u64,
    },
    /// Rows were deleted that the log does not have.
    #[error(
        "the log has the outbox's records up to {watermark}, but those below {lowest} are deleted here: \
         the event log was restored from a backup. Restore it to a later state, or accept the loss \
         by giving the outbox a new generation (`outbox new-generation`)"
    )]
    BelowLowest {
        /// How far the log is.
        watermark: u64,
        /// The lowest position left; the next one to give, when none is left.
        lowest: u64,
    },
    /// The log never heard of an outbox that has published before.
    #[error(
        "the log has no position of this outbox, which has given {counter}: the event log was made anew \
         or forgot it. Restore it, or accept the loss by giving the outbox a new generation \
         (`outbox new-generation`)"
    )]
    Missing {
        /// The next position to give.
        counter: u64,
    },
}

/// Why a run ended early. The next one goes on where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// A planted crash.
    #[error(transparent)]
    Crashed(#[from] Crashed),
    /// The log failed, or another relay has taken over.
    #[error(transparent)]
    Log(#[from] event_log::Error),
    /// The outbox failed, or the lease is lost.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// Outbox and log disagree: an operator has to decide.
    #[error(transparent)]
    Stopped(#[from] Stop),
}

/// The relay of one outbox.
#[derive(Debug)]
pub struct Relay {
    parts: RelayParts,
    holder: Holder,
    line: Option<Line>,
    /// When to renew the lease.
    renew_at: Instant,
    /// The slots before are no concern of an outbox that never came to one.
    started: DateTime<Utc>,
    /// Whether outbox and log agreed when this process last looked.
    agreed: bool,
}

/// The publisher, and what it was opened for.
#[derive(Debug)]
struct Line {
    lease: Lease,
    generation: Uuid,
    publisher: Box<dyn Publisher>,
}

impl Relay {
    /// A relay that has done nothing yet.
    pub fn new(parts: RelayParts) -> Self {
        let started = parts.clock.now();
        Self {
            parts,
            holder: Holder::random(),
            line: None,
            renew_at: Instant::now(),
            started,
            agreed: false,
        }
    }

    /// When it should run next, after a run that went well.
    pub fn next_run(&self) -> DateTime<Utc> {
        self.parts.schedule.next_after(self.parts.clock.now())
    }

    /// Publishes what has a position, and takes new rows in if it is time.
    pub async fn run_once(&mut self) -> Result<Ran, RelayError> {
        let ran = if self.agreed && self.is_idle().await? {
            Ok(Ran::Published(0))
        } else {
            self.turn().await
        };
        self.agreed = matches!(ran, Ok(Ran::Published(_)));
        // A run begins with a new publisher, which asks the log where it is: one path for all ends.
        if let Some(line) = self.line.take()
            && !matches!(ran, Err(RelayError::Crashed(_)))
        {
            // If this fails, the lease runs out by itself.
            let _released = self.parts.outbox.release_lease(&line.lease).await;
        }
        ran
    }

    /// Whether there is nothing to publish, delete or take in. Then a run would only cost writes: a
    /// disagreement is looked for at the first run, and whenever there is something to publish.
    async fn is_idle(&mut self) -> Result<bool, OutboxError> {
        let state = self.parts.outbox.state().await?;
        let intake = self.intake(state);
        Ok(state.lowest.is_none() && intake.rows == 0 && intake.begins.is_none())
    }

    /// What is to be taken in now. A slot is come to once, by one relay of all: what waits then is taken in, and what comes
    /// later waits for the next one, also if the relay dies or fails meanwhile. A few rows that are published alone would
    /// tell when they came.
    fn intake(&self, state: OutboxState) -> Intake {
        let (schedule, now) = (&self.parts.schedule, self.parts.clock.now());
        let came_to = state.slot.filter(|slot| *slot < now + AHEAD_MAX);
        match schedule.due(came_to.unwrap_or(self.started), now) {
            Due::No => Intake {
                begins: None,
                rows: state.due.min(state.waiting),
            },
            due => Intake {
                begins: schedule.slot_at(now),
                rows: if due.takes(state.waiting) {
                    state.waiting
                } else {
                    0
                },
            },
        }
    }

    async fn turn(&mut self) -> Result<Ran, RelayError> {
        let Some(lease) = self.claim().await? else {
            return Ok(Ran::NotMine);
        };
        self.parts.faults.at("relay-lease-taken")?;
        let state = self.parts.outbox.state().await?;
        self.open(lease, state.generation).await?;
        self.parts.faults.at("relay-publisher-opened")?;
        let Some(watermark) = self.watermark(state).await? else {
            return Ok(Ran::NotMine);
        };
        self.parts.faults.at("relay-watermark-read")?;
        if state.lowest.is_some_and(|lowest| lowest < watermark) {
            self.delete_published(watermark).await?;
        }

        let mut next = self.publish(watermark, state.counter).await?;
        let Intake { begins, rows } = self.intake(state);
        if let Some(slot) = begins {
            let outbox = Arc::clone(&self.parts.outbox);
            outbox.begin_slot(&self.line()?.lease, slot, rows).await?;
        }
        let mut left = rows;
        while left > 0 {
            let taken = self.take_in(left).await?;
            next = self.publish(next, next + taken).await?;
            left = if taken == 0 { 0 } else { left - taken };
        }
        Ok(Ran::Published(next - watermark))
    }

    async fn claim(&mut self) -> Result<Option<Lease>, RelayError> {
        self.renew_at = renew_at(self.parts.lease_lasts);
        let claim = Claim::now(self.holder, self.parts.lease_lasts);
        Ok(self.parts.outbox.take_lease(claim).await?)
    }

    /// A long run must not outlive its lease.
    async fn renew(&mut self) -> Result<(), RelayError> {
        if Instant::now() < self.renew_at {
            return Ok(());
        }
        let lease = self.claim().await?;
        if lease.as_ref() == Some(&self.line()?.lease) {
            Ok(())
        } else {
            Err(OutboxError::from(LeaseLost).into())
        }
    }

    /// Opens the publisher, which shuts out the one of an older relay, unless it is open already.
    async fn open(&mut self, lease: Lease, generation: Uuid) -> Result<(), RelayError> {
        let open = self.line.as_ref();
        if open.is_some_and(|line| line.lease == lease && line.generation == generation) {
            return Ok(());
        }
        self.line = None;
        let id = PublisherId {
            name: self.parts.name.clone(),
            generation,
        };
        let publisher = self.parts.log.publisher(&id).await?;
        self.line = Some(Line {
            lease,
            generation,
            publisher,
        });
        Ok(())
    }

    fn line(&mut self) -> Result<&mut Line, RelayError> {
        self.line
            .as_mut()
            .ok_or(RelayError::Log(event_log::Error::Fenced))
    }

    /// Where to go on. `None`: the lease went to another process meanwhile.
    async fn watermark(&mut self, state: OutboxState) -> Result<Option<u64>, RelayError> {
        let line = self.line()?;
        let lease = line.lease.clone();
        let position = match line.publisher.position().await? {
            None if state.counter == 0 => {
                // A fresh outbox. From here on, a log without its position has lost it.
                line.publisher.publish(0, Vec::new()).await?;
                Some(0)
            }
            position => position,
        };
        match agreed(position, state) {
            Ok(watermark) => Ok(Some(watermark)),
            // Another relay may have moved both between the two looks: then the lease is not ours.
            Err(stop) if self.claim().await?.as_ref() == Some(&lease) => Err(stop.into()),
            Err(_) => Ok(None),
        }
    }

    /// Gives positions to rows that wait, to so many at most.
    async fn take_in(&mut self, rows: u64) -> Result<u64, RelayError> {
        let (rows_max, shuffle) = (self.parts.batch_rows_max, self.parts.shuffle);
        let rows_max = u32::try_from(rows).map_or(rows_max, |rows| rows.min(rows_max));
        let outbox = Arc::clone(&self.parts.outbox);
        let lease = &self.line()?.lease;
        let taken = outbox.position_waiting(lease, rows_max, shuffle).await?;
        self.parts.faults.at("relay-positioned")?;
        Ok(u64::from(taken))
    }

    /// Publishes the positions `from` up to `to`, and answers where it stopped.
    async fn publish(&mut self, mut from: u64, to: u64) -> Result<u64, RelayError> {
        while from < to {
            self.renew().await?;
            let (rows_max, today) = (self.parts.batch_rows_max, self.parts.clock.today());
            let outbox = &self.parts.outbox;
            let records = outbox.positioned(from, rows_max, today).await?;
            self.parts.faults.at("relay-rows-loaded")?;
            if records.is_empty() {
                let missing = anyhow::anyhow!("the row of position {from} is missing");
                return Err(OutboxError::Failed(missing).into());
            }
            let count = records.len() as u64;
            self.line()?.publisher.publish(from, records).await?;
            self.parts.faults.at("relay-published")?;
            from += count;
            self.delete_published(from).await?;
        }
        Ok(from)
    }

    async fn delete_published(&mut self, watermark: u64) -> Result<(), RelayError> {
        let outbox = Arc::clone(&self.parts.outbox);
        outbox
            .delete_published(&self.line()?.lease, watermark)
            .await?;
        self.parts.faults.at("relay-deleted")?;
        Ok(())
    }
}

/// A relay that runs meanwhile moves both, once in a while.
const COMPARE_TRIES_MAX: u32 = 5;

/// What is in `outbox`, and how far `log` has it under `name`, without shutting anybody out. An error where they
/// disagree.
pub async fn compare(
    outbox: &dyn Outbox,
    log: &dyn EventLog,
    name: &str,
) -> Result<(OutboxState, u64), RelayError> {
    let mut state = outbox.state().await?;
    let mut tries = 1;
    loop {
        let id = PublisherId {
            name: name.to_owned(),
            generation: state.generation,
        };
        let position = log.position(&id).await?;
        let again = outbox.state().await?;
        if again == state || tries >= COMPARE_TRIES_MAX {
            let fresh = position.is_none() && state.counter == 0;
            let watermark = if fresh { 0 } else { agreed(position, state)? };
            return Ok((state, watermark));
        }
        state = again;
        tries += 1;
    }
}

/// Where log and outbox agree to go on.
fn agreed(position: Option<u64>, state: OutboxState) -> Result<u64, Stop> {
    let counter = state.counter;
    let lowest = state.lowest.unwrap_or(counter);
    match position {
        None => Err(Stop::Missing { counter }),
        Some(watermark) if watermark > counter => Err(Stop::AboveCounter { watermark, counter }),
        Some(watermark) if watermark < lowest => Err(Stop::BelowLowest { watermark, lowest }),
        Some(watermark) => Ok(watermark),
    }
}

#[cfg(test)]
mod tests;
