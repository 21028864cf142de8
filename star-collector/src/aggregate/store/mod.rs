//! What the aggregator keeps, and the transactions on it. [`contract`] is what every engine must pass.

use std::{collections::HashMap, fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
#[cfg(not(feature = "postgres"))]
use service_kit::db::NoEngine;
use service_kit::{
    db::{self, Engine, Schema},
    event_log::{Offset, Partition},
    lease::{Claim, Lease},
    outbox::{Outbox, Row as OutboxRow},
};

use crate::domain::group::{GroupId, LabelId, SeenId};

pub mod contract;
mod pending;
#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;

pub use pending::{Added, Dropped, Pending, PendingChange, WaitingGroup};
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
        include_str!("../../../../migrations/star-aggregate/sqlite/0001_measurements.sql"),
        include_str!("../../../../migrations/star-aggregate/sqlite/0002_sampling.sql"),
        include_str!("../../../../migrations/star-aggregate/sqlite/0003_closed_epochs.sql"),
        include_str!("../../../../migrations/star-aggregate/sqlite/0004_slots.sql"),
    ],
    postgres: &[
        include_str!("../../../../migrations/star-aggregate/postgres/0001_measurements.sql"),
        include_str!("../../../../migrations/star-aggregate/postgres/0002_sampling.sql"),
        include_str!("../../../../migrations/star-aggregate/postgres/0003_closed_epochs.sql"),
        include_str!("../../../../migrations/star-aggregate/postgres/0004_slots.sql"),
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
}

/// The result of a transaction.
pub type Result<T> = std::result::Result<T, StoreError>;

/// A partition of a topic, as its rows are marked: all that belongs to one outer tag came in by one partition.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Slot(pub i64);

/// The right to read a partition, and where to go on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claimed {
    /// The right.
    pub lease: Lease,
    /// What its rows are marked with.
    pub slot: Slot,
    /// Where reading goes on.
    pub position: Offset,
    /// Epochs below this number are closed in this partition: what still comes of them is late.
    pub epochs_closed: u64,
}

/// A group as it is kept.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct KeptGroup {
    /// Its secret, if it is open.
    pub secret: Option<Vec<u8>>,
    /// How many of its messages wait.
    pub waiting: u64,
    /// How many bytes they have.
    pub waiting_bytes: u64,
    /// How many waited when its recovery failed last.
    pub tried: u64,
}

/// Shows no secret.
impl fmt::Debug for KeptGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptGroup")
            .field("is_open", &self.secret.is_some())
            .field("waiting", &self.waiting)
            .finish_non_exhaustive()
    }
}

/// What is counted of a label.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Messages that were opened and have its text.
    pub opened: u64,
    /// Those of them whose next layer is open, too.
    pub deeper: u64,
    /// Those that were reported.
    pub reported: u64,
}

/// A group as a batch leaves it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GroupChange {
    /// Which one.
    pub id: GroupId,
    /// Its epoch.
    pub epoch: u64,
    /// What is kept of it from now on.
    pub kept: KeptGroup,
    /// Whether the messages that waited before this batch are dropped: they were opened, or stand in `waiting` anew.
    pub drop_older: bool,
    /// Messages of this batch that wait, packed.
    pub waiting: Vec<u8>,
}

/// What a batch adds to a label.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LabelChange {
    /// Which one.
    pub id: LabelId,
    /// Its epoch.
    pub epoch: u64,
    /// The threshold of its group: below that many messages, it is never reported.
    pub threshold: u32,
    /// Its text and those above it, the outermost first, as a JSON array.
    pub path: String,
    /// What is added.
    pub added: Counts,
}

/// Why a message, or what it has below an open layer, is not counted.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Rejection {
    /// The same point of the same group was counted before, or stands in the batch twice.
    Duplicate,
    /// The point is not on its group's polynomial.
    Forged,
    /// A layer below does not read, or has another threshold. The message stays counted above it.
    Inner,
    /// The bytes are no message.
    Malformed,
    /// The epoch is over, or has not begun.
    Late,
    /// As many bytes as may wait for one tag wait for this one.
    Full,
    /// More bytes waited than may, and its group is none of those that were kept.
    Sampled,
    /// The threshold is not the channel's, or not the one that the header says.
    Threshold,
    /// The ciphertext does not decrypt to a measurement.
    Unreadable,
}

impl Rejection {
    /// What it is called in tables, metrics and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::Forged => "forged",
            Self::Full => "full",
            Self::Inner => "inner",
            Self::Late => "late",
            Self::Malformed => "malformed",
            Self::Sampled => "sampled",
            Self::Threshold => "threshold",
            Self::Unreadable => "unreadable",
        }
    }
}

/// A record that is no message, or no message any more below an open layer; kept for whoever looks for the reason.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeadLetter {
    /// Where it stands in its partition.
    pub offset: Offset,
    /// Why.
    pub reason: Rejection,
    /// Its first bytes. None, once a layer was opened: what a client measured is not kept for looking at.
    pub start: Bytes,
}

/// All that a batch changes.
#[derive(Debug, Default)]
pub struct Changes {
    /// Groups that messages came to.
    pub groups: Vec<GroupChange>,
    /// Labels that messages were opened to.
    pub labels: Vec<LabelChange>,
    /// What waits of each epoch.
    pub pending: Vec<PendingChange>,
    /// Messages that are counted from now on, with their epochs.
    pub seen: Vec<(u64, SeenId)>,
    /// What goes to the output topic.
    pub reports: Vec<OutboxRow>,
    /// Records that are no messages, or not to the last layer.
    pub dead_letters: Vec<DeadLetter>,
}

/// A batch's place in its partition.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Span {
    /// Whose.
    pub slot: Slot,
    /// The position that reading started at.
    pub from: Offset,
    /// The last offset and one.
    pub to: Offset,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum Taken {
    /// All of it is stored.
    Stored,
    /// Somebody else has moved the position meanwhile. Nothing is stored.
    Overtaken,
}

/// A label of an epoch that is over.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExpiredLabel {
    /// Which one.
    pub id: LabelId,
    /// Its path, as [`LabelChange::path`].
    pub path: String,
    /// The threshold of its group.
    pub threshold: u32,
    /// What was counted.
    pub counts: Counts,
}

/// The database of the aggregator. What is read between two batches of a partition changes only by the one that holds
/// its position, so a batch reads first, and then stores all it changes in one transaction.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync {
    /// Remembers the log that positions are good for, the first time. Afterwards: whether it is this.
    async fn is_known_log(&self, identity: &str) -> Result<bool>;

    /// Takes or renews the right to read a partition. `None`: another process reads it.
    async fn claim(
        &self,
        topic: &str,
        partition: Partition,
        claim: Claim,
    ) -> Result<Option<Claimed>>;

    /// Gives the right back.
    async fn release(&self, lease: &Lease) -> Result<()>;

    /// Those of `ids` that are kept.
    async fn groups(&self, ids: &[GroupId]) -> Result<HashMap<GroupId, KeptGroup>>;

    /// The messages of a group that wait, packed, in the order they came.
    async fn waiting(&self, id: GroupId) -> Result<Vec<Bytes>>;

    /// Those of `ids` that are kept.
    async fn labels(&self, ids: &[LabelId]) -> Result<HashMap<LabelId, Counts>>;

    /// Those of `ids` of an epoch that were counted before.
    async fn seen(&self, slot: Slot, epoch: u64, ids: &[SeenId]) -> Result<Vec<SeenId>>;

    /// Stores a batch, if the position is still where its reading started.
    async fn store(&self, span: Span, changes: &Changes) -> Result<Taken>;

    /// How many messages of a topic wait for others that agree.
    async fn pending_messages(&self, topic: &str) -> Result<u64>;

    /// The oldest epoch that any message of a topic is of.
    async fn oldest_epoch(&self, topic: &str) -> Result<Option<u64>>;

    /// What waits of each epoch in the partition, and in the other ones of its topic.
    async fn pending(&self, slot: Slot) -> Result<Vec<Pending>>;

    /// The groups of an epoch that are not open, in the order of their names, behind `after`.
    async fn closed(
        &self,
        slot: Slot,
        epoch: u64,
        after: Option<GroupId>,
        limit: u32,
    ) -> Result<Vec<WaitingGroup>>;

    /// Drops groups that are not open with all that waits for them, if the position of the partition is still `at`.
    async fn drop_closed(
        &self,
        slot: Slot,
        at: Offset,
        epoch: u64,
        groups: &[WaitingGroup],
    ) -> Result<Taken>;

    /// Raises the level of an epoch's sampling, before groups are dropped by it.
    async fn raise_level(&self, slot: Slot, epoch: u64, level: u8) -> Result<()>;

    /// Remembers that the groups of an epoch were dropped which a level does not keep.
    async fn swept(&self, slot: Slot, epoch: u64, level: u8) -> Result<()>;

    /// The epochs that a partition has rows of, oldest first.
    async fn epochs(&self, slot: Slot) -> Result<Vec<u64>>;

    /// The labels of an epoch that are reported when it is over, or were counted below their threshold, behind `after`.
    async fn expired(
        &self,
        slot: Slot,
        epoch: u64,
        after: Option<LabelId>,
        limit: u32,
    ) -> Result<Vec<ExpiredLabel>>;

    /// Closes an epoch, and those before it, to messages that still come: they are late. If the position of the partition is still
    /// `at`.
    async fn close_epoch(&self, slot: Slot, at: Offset, epoch: u64) -> Result<Taken>;

    /// Leaves reports of an epoch that is over in the outbox, and counts as reported all that `labels` have left, if the position
    /// of the partition is still `at` and nobody else has done so meanwhile.
    async fn report_rest(
        &self,
        slot: Slot,
        at: Offset,
        labels: &[LabelId],
        reports: &[OutboxRow],
    ) -> Result<Taken>;

    /// Whether a partition has groups of an epoch. They go first: of one that has none, all was reported before.
    async fn has_groups(&self, slot: Slot, epoch: u64) -> Result<bool>;

    /// Drops so many rows of an epoch at most, and what waits for them, if the position of the partition is still `at`: the
    /// groups, then what was counted, then the labels, and at the end what makes it one of [`Self::epochs`]. Of several
    /// processes that do so, one drops the last.
    async fn drop_rows(&self, slot: Slot, at: Offset, epoch: u64, limit: u32) -> Result<Dropped>;

    /// How many dead letters of a partition are kept, by reason.
    async fn dead_letters(&self, slot: Slot) -> Result<Vec<(String, u64)>>;

    /// How far each partition of a topic was read, without claiming any.
    async fn positions(&self, topic: &str) -> Result<Vec<(Partition, Offset)>>;

    /// Whether the database answers, with the tables that this program knows.
    async fn check(&self) -> anyhow::Result<()>;

    /// Reports that wait to be published.
    fn outbox(&self) -> Arc<dyn Outbox>;

    /// Lets go of the database.
    async fn close(&self);
}
