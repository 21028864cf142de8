//! Orders, transfers and credentials.
//!
//! One method is one transaction, named for its intent. What two requests could do at once, such as
//! claim one transfer or pay one order twice, is decided here, by constraints and by the order's lock.

#[cfg(test)]
mod contract;
#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use messages::money::Amount;
#[cfg(not(feature = "postgres"))]
use service_kit::db::NoEngine;
use service_kit::{
    db::{self, Engine, Schema},
    outbox::Outbox,
};
use uuid::Uuid;

#[cfg(feature = "postgres")]
pub use postgres::PostgresOrders;
pub use sqlite::SqliteOrders;

use crate::{
    domain::{
        credentials::{Credentials, Points, Signed},
        funds::FundsTotal,
        order::Order,
        transfer::{Custodian, Transfer, TransferStatus},
    },
    store::{figures::Figures, publications::Publications},
};

/// Opens the database at `url`, on the engine that it names.
pub async fn open(url: &str) -> anyhow::Result<Arc<dyn OrdersDatabase>> {
    Ok(match Engine::of(url)? {
        #[cfg(feature = "postgres")]
        Engine::Postgres => Arc::new(PostgresOrders::open(url).await?),
        #[cfg(not(feature = "postgres"))]
        Engine::Postgres => return Err(NoEngine::NotBuilt.into()),
        Engine::Sqlite => Arc::new(SqliteOrders::open(url).await?),
    })
}

/// The tables.
pub(crate) const SCHEMA: Schema = Schema {
    sqlite: &[
        include_str!("../../../../migrations/payments-orders/sqlite/0001_orders.sql"),
        include_str!("../../../../migrations/payments-orders/sqlite/0002_directory_and_outbox.sql"),
        include_str!("../../../../migrations/payments-orders/sqlite/0003_slots.sql"),
        include_str!("../../../../migrations/payments-orders/sqlite/0004_count_of_keys.sql"),
    ],
    postgres: &[
        include_str!("../../../../migrations/payments-orders/postgres/0001_orders.sql"),
        include_str!(
            "../../../../migrations/payments-orders/postgres/0002_directory_and_outbox.sql"
        ),
        include_str!("../../../../migrations/payments-orders/postgres/0003_slots.sql"),
        include_str!("../../../../migrations/payments-orders/postgres/0004_count_of_keys.sql"),
    ],
};

/// Brings the tables at `url` up to date; in PostgreSQL, `url` is that of the role which owns them.
pub async fn migrate(url: &str) -> anyhow::Result<()> {
    db::migrate(url, SCHEMA).await
}

/// Bounds that are kept in the transaction that could pass them.
#[derive(Clone, Copy, Debug)]
pub struct PlaceLimits {
    /// The most orders without a transfer.
    pub unpaid_max: u64,
    /// The most remembered idempotency keys.
    pub idempotency_max: u64,
}

/// An `Idempotency-Key` as it is remembered.
#[derive(Clone, Copy)]
pub struct Idempotency {
    /// `H(key, body)`.
    pub hash: [u8; 32],
    /// Until when.
    pub until: DateTime<Utc>,
}

/// Shows nothing: the hash stands for a client's key.
impl fmt::Debug for Idempotency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Idempotency(..)")
    }
}

/// A transfer that is to be recorded.
#[derive(Clone)]
pub struct NewTransfer {
    /// The transfer, with an id of ours.
    pub transfer: Transfer,
    /// Its names as keyed hashes, none of which may have been used. The first is what it is known by.
    pub names: Vec<[u8; 32]>,
    /// The number of the reference it carries, if it carries one of the order's.
    pub reference: Option<u32>,
    /// For a card's transfer: it must carry the order's current reference, and fit what is owed.
    pub card_amount: Option<fn(Amount, Amount) -> bool>,
    /// The most transfers that its order may have: each is read whenever another one settles.
    pub transfers_max: u32,
}

/// Shows how many names it has, and none.
impl fmt::Debug for NewTransfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewTransfer")
            .field("transfer", &self.transfer)
            .field("names", &self.names.len())
            .finish_non_exhaustive()
    }
}

/// What became of an attempt to record a transfer.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub enum Recording {
    /// It had been recorded for this order.
    Before(Transfer),
    /// It is recorded now.
    First(Transfer),
    /// A card's amount is not what is owed.
    NotOwed,
    /// A card's transfer does not carry the current reference.
    Stale,
    /// The order has as many as one may have.
    TooMany,
    /// It was used for another order.
    Used,
}

/// Who has a transfer.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub enum Claim {
    /// Nobody.
    Free,
    /// This order.
    Own(Transfer),
    /// Another order, or one that is forgotten.
    Used,
}

/// What became of blinded tokens that were submitted.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub enum Submission {
    /// They are stored, now or before, and wait for their signatures.
    Accepted,
    /// The order is canceled.
    Canceled,
    /// The credentials were erased.
    Erased,
    /// The order is not paid.
    NotPaid,
    /// Others were submitted before.
    Other,
    /// The same were submitted before, and are signed.
    Signed(Signed),
}

/// An item whose tokens wait to be signed.
#[derive(Clone, Debug)]
pub struct Unsigned {
    /// The item.
    pub item: Uuid,
    /// Its SKU.
    pub sku: String,
    /// The points.
    pub points: Points,
}

/// An item's credentials.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ItemCredentials {
    /// The item.
    pub item: Uuid,
    /// Its SKU.
    pub sku: String,
    /// How far they are.
    pub credentials: Credentials,
}

/// Money that pays for nothing.
#[derive(Clone, Eq, PartialEq)]
pub struct Surplus {
    /// Names the row.
    pub id: Uuid,
    /// The order it was meant for.
    pub order_id: Uuid,
    /// Who moved it.
    pub custodian: Option<Custodian>,
    /// The custodian's id of the transfer, or of the last one that paid for an unclaimed item.
    pub external_id: Option<String>,
    /// `canceled`, `late`, `overpaid` or `unclaimed`.
    pub reason: String,
    /// The currency.
    pub currency: String,
    /// How much.
    pub amount: Amount,
    /// Since when.
    pub day: NaiveDate,
}

/// Shows why, and not whose (threat T5).
impl fmt::Debug for Surplus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surplus")
            .field("reason", &self.reason)
            .field("amount", &self.amount)
            .finish_non_exhaustive()
    }
}

/// What an operator sees of the orders' database.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How many orders have each status.
    pub orders: Vec<(String, u64)>,
    /// How many transfers have each status.
    pub transfers: Vec<(String, u64)>,
    /// How many items have credentials in each state.
    pub credentials: Vec<(String, u64)>,
    /// What was received and sold.
    pub funds: Vec<FundsTotal>,
    /// What pays for nothing.
    pub surplus: Vec<Surplus>,
    /// Open transfers of orders that wait for no money: should they complete, they are surplus.
    pub unresolved: Vec<Transfer>,
}

/// Storage of orders. Each method is one transaction.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync {
    /// Stores a new order, or gives the one that was placed under the same idempotency key.
    ///
    /// With more than `unpaid_max` orders without a transfer, the oldest are deleted; with more than `idempotency_max` keys, those that
    /// end first are forgotten.
    async fn place(
        &self,
        order: &Order,
        idempotency: Option<Idempotency>,
        limits: PlaceLimits,
    ) -> sqlx::Result<Order>;

    /// The order that was placed under an idempotency key.
    async fn placed_under(&self, key: &Idempotency) -> sqlx::Result<Option<Order>>;

    /// An order.
    async fn order(&self, id: Uuid) -> sqlx::Result<Option<Order>>;

    /// The transfers of an order, oldest first as far as that is kept.
    async fn transfers(&self, order: Uuid) -> sqlx::Result<Vec<Transfer>>;

    /// Who has the transfer with this name.
    async fn claim(&self, order: Uuid, name: &[u8; 32]) -> sqlx::Result<Claim>;

    /// Records a transfer for `order`, which is stored again if it was deleted.
    ///
    /// Of several calls with one name exactly one is [`Recording::First`] (threat T4). In the same
    /// transaction the order becomes paid if enough has arrived, what is too much becomes a surplus,
    /// and the next reference becomes the current one if this one was used.
    async fn record(
        &self,
        order: &Order,
        new: &NewTransfer,
        now: DateTime<Utc>,
    ) -> sqlx::Result<Recording>;

    /// Moves a recorded transfer on, and settles its order when it has completed. A transfer that has
    /// come to its end stays as it is.
    async fn move_on(
        &self,
        transfer: Uuid,
        status: TransferStatus,
        amount: Amount,
        now: DateTime<Utc>,
    ) -> sqlx::Result<Option<Transfer>>;

    /// Transfers that can still change, in the order of their ids after `after`: those of canceled orders
    /// only while they are quotes, which lapse.
    async fn open_transfers(&self, after: Option<Uuid>, limit: u32) -> sqlx::Result<Vec<Transfer>>;

    /// Stores the points of an item of a paid order, once.
    async fn submit(&self, order: Uuid, item: Uuid, points: &Points) -> sqlx::Result<Submission>;

    /// Stores the signatures of an item, once. The order is fulfilled when all its items are signed.
    async fn store_signed(
        &self,
        item: Uuid,
        signed: &Signed,
        now: DateTime<Utc>,
    ) -> sqlx::Result<()>;

    /// Items that wait for signatures, in the order of their ids after `after`.
    async fn unsigned(&self, after: Option<Uuid>, limit: u32) -> sqlx::Result<Vec<Unsigned>>;

    /// The credentials of an order's items, in the order of the items.
    async fn credentials(&self, order: Uuid) -> sqlx::Result<Vec<ItemCredentials>>;

    /// Deletes up to `limit` orders without a transfer that are kept since before `before`.
    async fn forget_unpaid(&self, before: DateTime<Utc>, limit: u32) -> sqlx::Result<u64>;

    /// Pending orders that have had a transfer since before `before`, in the order of their ids after `after`.
    async fn overdue(
        &self,
        before: DateTime<Utc>,
        after: Option<Uuid>,
        limit: u32,
    ) -> sqlx::Result<Vec<Order>>;

    /// Cancels an order that is still pending. What has arrived for it becomes surplus. `false`: it is
    /// not pending.
    async fn cancel(&self, order: Uuid, now: DateTime<Utc>) -> sqlx::Result<bool>;

    /// Writes off the items that nobody has claimed of up to `limit` orders that were paid before
    /// `before`: each becomes a surplus and is closed, its votes are to be set off, and the order ends,
    /// fulfilled if any of its items was claimed and canceled if none was.
    async fn write_off_unclaimed(
        &self,
        before: NaiveDate,
        now: DateTime<Utc>,
        limit: u32,
    ) -> sqlx::Result<u64>;

    /// Erases points and signatures of up to `limit` items signed before `before`.
    async fn erase_credentials(&self, before: NaiveDate, limit: u32) -> sqlx::Result<u64>;

    /// Erases the ids of up to `limit` transfers of orders fulfilled before `before`. An open transfer
    /// keeps its id.
    async fn erase_transfer_ids(&self, before: NaiveDate, limit: u32) -> sqlx::Result<u64>;

    /// Deletes up to `limit` fulfilled or canceled orders made before `before`, but none with an open
    /// transfer.
    async fn forget_closed(&self, before: DateTime<Utc>, limit: u32) -> sqlx::Result<u64>;

    /// Forgets up to `limit` idempotency keys whose time is over.
    async fn forget_idempotency(&self, now: DateTime<Utc>, limit: u32) -> sqlx::Result<u64>;

    /// Forgets one row of surplus, once an operator has returned it. `false`: there is none.
    async fn settle_surplus(&self, surplus: Uuid) -> sqlx::Result<bool>;

    /// The names of all SKUs that were ever ordered.
    async fn known_skus(&self) -> sqlx::Result<Vec<String>>;

    /// Overwrites what was deleted, where the engine keeps it for a while.
    async fn forget_deleted(&self) -> sqlx::Result<()>;

    /// What an operator sees.
    async fn report(&self) -> sqlx::Result<Report>;
}

/// The orders' database: the orders, the sums over them, and what is published of these.
#[async_trait]
pub trait OrdersDatabase: Store + Figures {
    /// What everybody may read.
    fn publications(&self) -> Arc<dyn Publications>;

    /// The rows that wait to be published.
    fn outbox(&self) -> Arc<dyn Outbox>;

    /// Whether the database answers; if not, what to do.
    async fn check(&self) -> anyhow::Result<()>;

    /// Closes the database; what is committed stays.
    async fn close(&self);
}
