//! The outbox: what a service's transaction leaves to be published, and the relay that does it.
//!
//! A row is written in the transaction of the change that it tells of, and has no position then: a
//! serial number given at insert would be passed over when its transaction commits late. The
//! [`Relay`] works under a lease. At its time it takes rows without a position, shuffles them (or not: [`Shuffle`]), and gives them
//! consecutive positions; it publishes positioned rows, in order; and only then deletes them. The log
//! keeps how far it came (the *watermark*) in the same transaction as the records, so that a relay that
//! died between any two steps goes on where it stopped, and nothing is lost or comes twice.
//!
//! # What it must never do
//!
//! Go on when outbox and log disagree: after a restore of either, publishing could lose or repeat
//! votes silently. It stops, fails readiness and says what to do ([`Stop`]).

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use rand::seq::SliceRandom as _;
use uuid::Uuid;

use crate::{
    event_log::NewRecord,
    lease::{Claim, Lease, LeaseLost},
};

pub mod contract;
mod generation;
mod job;
#[cfg(feature = "postgres")]
pub mod postgres;
mod relay;
mod row;
mod schedule;
pub mod sqlite;
#[cfg(test)]
mod testing;

pub use generation::{lease_alone, new_generation};
pub use job::{RelayHealth, RelayJob};
#[cfg(feature = "postgres")]
pub use postgres::PostgresOutbox;
pub use relay::{Ran, Relay, RelayError, RelayParts, Stop, compare};
pub use row::{ROW_ID_BYTES, Row, Stamp, as_it_stands, id_of_day};
pub use schedule::Schedule;
pub use sqlite::SqliteOutbox;

/// How many rows get their positions in one transaction, and how many are published in one.
pub const BATCH_ROWS_MAX: u32 = 500;

/// What an outbox says about itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OutboxState {
    /// Which life of the outbox this is; a restored one must be given a new one.
    pub generation: Uuid,
    /// The next position to give. Zero: none was ever given.
    pub counter: u64,
    /// The lowest position of a row that is still there.
    pub lowest: Option<u64>,
    /// How many rows have no position yet.
    pub waiting: u64,
    /// The last slot that a relay has come to. `None`: it never came to one.
    pub slot: Option<DateTime<Utc>>,
    /// How many of the rows that waited then have no position yet and are to get one.
    pub due: u64,
}

/// Why an outbox did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The database failed, or a row cannot be read.
    #[error("the outbox failed")]
    Failed(#[source] anyhow::Error),
    /// Somebody else relays now; nothing was written.
    #[error(transparent)]
    LeaseLost(#[from] LeaseLost),
}

impl From<sqlx::Error> for OutboxError {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// Rows that wait to be published. Each method is one transaction.
///
/// [`SqliteOutbox`] implements it for a database whose migrations have its tables.
#[async_trait]
pub trait Outbox: fmt::Debug + Send + Sync {
    /// Takes or renews the right to relay. `None`: another process has it.
    async fn take_lease(&self, claim: Claim) -> Result<Option<Lease>, OutboxError>;

    /// Gives the right back.
    async fn release_lease(&self, lease: &Lease) -> Result<(), OutboxError>;

    /// What is there.
    async fn state(&self) -> Result<OutboxState, OutboxError>;

    /// Notes that the relay has come to `slot`, at which `due` of the rows that wait are to get positions: those, and no rows
    /// that come later, whoever gives them. Checks `lease` in the same transaction.
    async fn begin_slot(
        &self,
        lease: &Lease,
        slot: DateTime<Utc>,
        due: u64,
    ) -> Result<(), OutboxError>;

    /// Takes up to `limit` rows without a position, those with the lowest ids, shuffles them, and gives them the next
    /// positions; checks `lease` in the same transaction. Answers how many there were.
    async fn position_waiting(
        &self,
        lease: &Lease,
        limit: u32,
        shuffle: Shuffle,
    ) -> Result<u32, OutboxError>;

    /// Up to `limit` rows from position `from` on, in order and without a gap, as the records to
    /// publish on `today`.
    async fn positioned(
        &self,
        from: u64,
        limit: u32,
        today: NaiveDate,
    ) -> Result<Vec<NewRecord>, OutboxError>;

    /// Deletes the rows below `watermark`: they were published. Checks `lease` in the same transaction.
    async fn delete_published(&self, lease: &Lease, watermark: u64) -> Result<(), OutboxError>;

    /// Begins a new life after a restore: drops the rows below `watermark`, takes the positions from
    /// the others, and draws a new generation. Checks `lease` in the same transaction.
    async fn renew_generation(&self, lease: &Lease, watermark: u64) -> Result<(), OutboxError>;
}

/// How rows are put in order.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Shuffle {
    /// By their ids. For rows that say nothing of a person, and whose readers need them in order: see [`id_of_day`].
    Off,
    /// Every order is as likely as any other, so that the order of arrival cannot be read from the topic.
    #[default]
    Random,
}

impl Shuffle {
    /// Puts `rows` in order.
    pub fn apply<T>(self, rows: &mut [T]) {
        match self {
            Self::Off => {}
            Self::Random => rows.shuffle(&mut rand::rngs::OsRng),
        }
    }
}
