//! What is kept, and the transactions on it. [`contract`] is what every engine must pass.

use std::{collections::BTreeMap, fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::NaiveDate;
use messages::{
    FundingSource, directory::Head, encoding::Fixed, money::Amount, publisher::Publisher,
};
#[cfg(not(feature = "postgres"))]
use service_kit::db::NoEngine;
use service_kit::{
    db::{self, Engine, Schema},
    event_log::{Offset, Partition},
    lease::{Claim, Lease},
    outbox::Outbox,
};

use crate::domain::{
    Entry, HeadKey, LedgerHead, Month, RecordMark, Refusal, VoteBatch,
    closing::{TooLarge, VotesToSplit},
    funds::{FundsTotals, Line},
};

pub mod contract;
#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;

#[cfg(feature = "postgres")]
pub use postgres::PostgresStore;
pub use sqlite::SqliteStore;

/// Opens the store at `url`, on the engine that it names.
pub async fn open(url: &str) -> anyhow::Result<Arc<dyn Store>> {
    Ok(match Engine::of(url)? {
        #[cfg(feature = "postgres")]
        Engine::Postgres => Arc::new(PostgresStore::open(url).await?),
        #[cfg(not(feature = "postgres"))]
        Engine::Postgres => return Err(NoEngine::NotBuilt.into()),
        Engine::Sqlite => Arc::new(SqliteStore::open(url).await?),
    })
}

/// The tables.
pub(crate) const SCHEMA: Schema = Schema {
    sqlite: &[
        include_str!("../../../migrations/tally/sqlite/0001_ledger.sql"),
        include_str!("../../../migrations/tally/sqlite/0002_slots.sql"),
    ],
    postgres: &[
        include_str!("../../../migrations/tally/postgres/0001_ledger.sql"),
        include_str!("../../../migrations/tally/postgres/0002_slots.sql"),
    ],
};

/// Brings the tables at `url` up to date; in PostgreSQL, `url` is that of the role which owns them.
pub async fn migrate(url: &str) -> anyhow::Result<()> {
    db::migrate(url, SCHEMA).await
}

/// The database failed, or holds what this program never wrote.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A value is not what its column must hold.
    #[error("the database holds a value that was never written there: {0}")]
    Corrupt(&'static str),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// A sum does not fit.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

/// The result of a transaction.
pub type Result<T> = std::result::Result<T, StoreError>;

/// A part of a topic.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Place {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: Partition,
}

/// What was read in one go: from a position up to another.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Span {
    /// Where.
    pub place: Place,
    /// The position that reading started at.
    pub from: Offset,
    /// The last offset and one.
    pub to: Offset,
}

/// A record as it was read.
#[derive(Clone, Eq, PartialEq)]
pub struct Raw {
    /// Its place in the partition.
    pub offset: Offset,
    /// Its key.
    pub key: Bytes,
    /// Its value.
    pub value: Bytes,
}

/// Shows the place only.
impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Raw")
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

/// A record, and what it says or why it is refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Read<T> {
    /// The record.
    pub raw: Raw,
    /// What it says.
    pub said: std::result::Result<T, Refusal>,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum Taken {
    /// Effect and position are stored.
    Moved(Effect),
    /// Somebody else has moved the position meanwhile. Nothing is stored.
    Overtaken,
}

/// What a batch did.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Effect {
    /// Records that changed something.
    pub applied: u64,
    /// Records that were known, or say nothing new.
    pub known: u64,
    /// Records that went to the dead letters.
    pub refused: u64,
    /// Findings that somebody must look at.
    pub alarms: u64,
}

/// Reading topics: each effect in one transaction with the position behind it.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// Remembers the log that positions are good for, the first time. Afterwards: whether it is this.
    async fn is_known_log(&self, identity: &str) -> Result<bool>;

    /// Where reading of a partition goes on; zero at first.
    async fn position(&self, place: &Place) -> Result<Offset>;

    /// Takes or renews the right to read a partition, and answers where to go on; zero at first.
    /// `None`: another process reads it.
    async fn claim(&self, place: &Place, claim: Claim) -> Result<Option<(Lease, Offset)>>;

    /// Gives the right back.
    async fn release(&self, lease: &Lease) -> Result<()>;

    /// Counts votes: each event once, into its month, or the open one if that is closed. What was `refused` goes to the dead
    /// letters.
    async fn count_votes(
        &self,
        span: &Span,
        votes: &VoteBatch,
        refused: &[(Raw, Refusal)],
    ) -> Result<Taken>;

    /// Books what the totals grew by, on `today`. Restatements wait.
    async fn take_funds(
        &self,
        span: &Span,
        totals: &[Read<FundsTotals>],
        today: NaiveDate,
    ) -> Result<Taken>;

    /// Keeps heads of the key directory that extend those that are kept.
    async fn witness(&self, span: &Span, heads: &[Read<Head>]) -> Result<Taken>;

    /// Has reading go on in the log `identity`, at `starts`, unless somebody reads at `now_ms` of real time. Answers
    /// whether it will. What was counted stays known by its id.
    async fn rewind(&self, identity: &str, starts: &[(Place, Offset)], now_ms: i64)
    -> Result<bool>;

    /// Forgets up to `limit` events of the months before `month`.
    async fn forget_events(&self, month: Month, limit: u32) -> Result<u64>;
}

/// What decides whether a month can close.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ClosingState {
    /// The month that closes next; none before anything happened.
    pub next: Option<Month>,
    /// The day of the latest record of funds of each line.
    pub funds_days: BTreeMap<Line, NaiveDate>,
    /// Lines with a restatement that waits.
    pub restated: Vec<Line>,
}

/// How a month closes.
#[derive(Debug)]
pub struct ClosingTerms<'a> {
    /// The day it is done on.
    pub today: NaiveDate,
    /// The fee, in hundredths of a percent.
    pub fee: u64,
    /// How many of the waiting votes are split.
    pub rule: VotesToSplit,
    /// Signs the ledger as it is afterwards.
    pub key: &'a HeadKey,
    /// The topic that the signed head goes to.
    pub head_topic: &'a str,
}

/// Writing the ledger otherwise than by reading topics.
#[async_trait]
pub trait Books: Send + Sync {
    /// What decides whether a month can close.
    async fn closing_state(&self) -> Result<ClosingState>;

    /// Closes `month`, if it is the next one: splits, books, signs. Answers whether it did.
    async fn close_month(&self, month: Month, terms: &ClosingTerms<'_>) -> Result<bool>;

    /// Signs the ledger as it is on `today`, unless nothing is new since the last head of that day.
    async fn sign_head(&self, today: NaiveDate, key: &HeadKey, topic: &str) -> Result<bool>;

    /// Takes the restated totals of a line in place of the known ones, if those with this mark wait.
    /// Answers whether they did.
    async fn accept_restatement(
        &self,
        line: Line,
        mark: RecordMark,
        today: NaiveDate,
    ) -> Result<bool>;

    /// Drops the restated totals of a line, if those with this mark wait. Answers whether they did.
    async fn reject_restatement(&self, line: Line, mark: RecordMark) -> Result<bool>;
}

/// Votes and money of a month, for one source and value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LineReport {
    /// Which source and value.
    pub line: Line,
    /// Votes that count in this month.
    pub votes: u64,
    /// Those of them that were not split yet.
    pub waiting: u64,
    /// What its closing did, once it is closed.
    pub closing: Option<ClosingReport>,
}

/// What a closing did for one source and value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClosingReport {
    /// Votes that were split, also of earlier months.
    pub votes: u64,
    /// What they were worth.
    pub amount: Amount,
    /// The operator's part.
    pub fee: Amount,
    /// Value of ended keys' tokens that were never redeemed.
    pub expired: Amount,
    /// Votes that did not fit and stayed waiting.
    pub left_waiting: u64,
}

/// A month as it is shown.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MonthReport {
    /// Which one.
    pub month: Month,
    /// When it was closed, if it is.
    pub closed_on: Option<NaiveDate>,
    /// Its sources and values.
    pub lines: Vec<LineReport>,
}

/// What a publisher got in a closing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Payout {
    /// From which source and value.
    pub line: Line,
    /// Who.
    pub channel: Publisher,
    /// For how many votes.
    pub votes: u64,
    /// How much.
    pub amount: Amount,
}

/// Where a page of payouts goes on: behind this one.
pub type PayoutKey = (FundingSource, Amount, Publisher);

/// A publisher's votes and money.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PublisherReport {
    /// Votes that wait, by source and value.
    pub waiting: BTreeMap<Line, u64>,
    /// What it is owed.
    pub balance: Amount,
}

/// Restated totals that wait.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Restatement {
    /// Names the record.
    pub mark: RecordMark,
    /// What it says.
    pub totals: FundsTotals,
}

/// Answering questions.
#[async_trait]
pub trait Reports: Send + Sync {
    /// Whether the database answers.
    async fn check(&self) -> anyhow::Result<()>;

    /// Lets go of the database: its files then belong to whoever wants to copy or replace them.
    async fn close(&self);

    /// Every month with votes or a closing, in order.
    async fn months(&self) -> Result<Vec<MonthReport>>;

    /// Up to `limit` payouts of a month, by source, value and publisher, behind `after`.
    async fn payouts(
        &self,
        month: Month,
        after: Option<PayoutKey>,
        limit: u32,
    ) -> Result<Vec<Payout>>;

    /// A publisher; `None` if it never had a vote.
    async fn publisher(&self, channel: &Publisher) -> Result<Option<PublisherReport>>;

    /// Up to `limit` entries from `position` on.
    async fn entries(&self, position: u64, limit: u32) -> Result<Vec<Entry>>;

    /// The last signed head.
    async fn head(&self) -> Result<Option<LedgerHead>>;

    /// Every signed head, oldest first.
    async fn heads(&self) -> Result<Vec<LedgerHead>>;

    /// Every balance, by the account's name.
    async fn balances(&self) -> Result<BTreeMap<String, i128>>;

    /// What each source that has paid anything has paid, by the latest records of its lines.
    async fn received(&self) -> Result<BTreeMap<FundingSource, i128>>;

    /// The key directory's heads, oldest first, each with the hash of the chain up to it.
    async fn directory_heads(&self) -> Result<Vec<(Head, Fixed<32>)>>;

    /// Restated totals that wait for an operator.
    async fn restatements(&self) -> Result<Vec<Restatement>>;
}

/// The database of the tally.
pub trait Store: Inbox + Books + Reports + fmt::Debug {
    /// Dead letters and heads that wait to be published.
    fn outbox(&self) -> Arc<dyn Outbox>;
}
