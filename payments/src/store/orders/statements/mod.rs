//! The statements of the orders' database, for both engines.
//!
//! Changes come one after the other: the transaction is the order's lock.

mod credentials;
mod figures;
mod orders;
mod report;
mod retention;
mod rows;
mod surplus;
#[cfg(test)]
mod tests;
mod transfers;
mod write_off;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use messages::money::Amount;
use service_kit::{db::migrator, outbox::Outbox};
use uuid::Uuid;

use super::{
    Connection, Database, Driver, EngineRow, OpenError, SCRIPTS, TablePublications, insert,
};
use crate::{
    domain::{
        credentials::{Points, Signed},
        order::Order,
        transfer::{Transfer, TransferStatus},
    },
    store::{
        orders::{
            Claim, Idempotency, ItemCredentials, NewTransfer, OrdersDatabase, PlaceLimits,
            Recording, Report, Store, Submission, Unsigned,
        },
        publications::Publications,
    },
};

/// The orders' database on its engine.
#[derive(Clone, Debug)]
pub struct TableOrders {
    db: Database,
}

impl TableOrders {
    /// Opens the database at `url`.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let db = Database::open(url, &migrator(SCRIPTS)).await?;
        Ok(Self { db })
    }

    /// The database itself, for whoever looks at what it keeps.
    pub fn db(&self) -> &Database {
        &self.db
    }
}

#[async_trait]
impl OrdersDatabase for TableOrders {
    fn publications(&self) -> Arc<dyn Publications> {
        Arc::new(TablePublications::new(self.db.clone()))
    }

    fn outbox(&self) -> Arc<dyn Outbox> {
        Arc::new(TablePublications::new(self.db.clone()).outbox())
    }

    async fn check(&self) -> anyhow::Result<()> {
        Ok(self.db.check().await?)
    }

    async fn close(&self) {
        self.db.close().await;
    }
}

/// Runs a change in one transaction.
macro_rules! change {
    ($store:ident, $tx:ident => $body:expr) => {{
        let mut begun = $store.db.begin().await?;
        let $tx = &mut *begun;
        let done = $body.await?;
        begun.commit().await?;
        Ok(done)
    }};
}

/// Reads one state of the database.
macro_rules! read {
    ($store:ident, $tx:ident => $body:expr) => {{
        let mut begun = $store.db.begin_read().await?;
        let $tx = &mut *begun;
        let done = $body.await?;
        begun.commit().await?;
        Ok(done)
    }};
}

#[async_trait]
impl Store for TableOrders {
    async fn place(
        &self,
        order: &Order,
        idempotency: Option<Idempotency>,
        limits: PlaceLimits,
    ) -> sqlx::Result<Order> {
        change!(self, tx => orders::place(tx, order, idempotency, limits))
    }

    async fn placed_under(&self, key: &Idempotency) -> sqlx::Result<Option<Order>> {
        read!(self, tx => orders::placed_under(tx, key))
    }

    async fn order(&self, id: Uuid) -> sqlx::Result<Option<Order>> {
        read!(self, tx => orders::find(tx, id))
    }

    async fn transfers(&self, order: Uuid) -> sqlx::Result<Vec<Transfer>> {
        read!(self, tx => transfers::of_order(tx, order))
    }

    async fn claim(&self, order: Uuid, name: &[u8; 32]) -> sqlx::Result<Claim> {
        read!(self, tx => transfers::claim(tx, order, name))
    }

    async fn record(
        &self,
        order: &Order,
        new: &NewTransfer,
        now: DateTime<Utc>,
    ) -> sqlx::Result<Recording> {
        change!(self, tx => transfers::record(tx, order, new, now))
    }

    async fn move_on(
        &self,
        transfer: Uuid,
        status: TransferStatus,
        amount: Amount,
        now: DateTime<Utc>,
    ) -> sqlx::Result<Option<Transfer>> {
        change!(self, tx => transfers::move_on(tx, transfer, status, amount, now))
    }

    async fn open_transfers(&self, after: Option<Uuid>, limit: u32) -> sqlx::Result<Vec<Transfer>> {
        read!(self, tx => transfers::open(tx, after, limit))
    }

    async fn submit(&self, order: Uuid, item: Uuid, points: &Points) -> sqlx::Result<Submission> {
        change!(self, tx => credentials::submit(tx, order, item, points))
    }

    async fn store_signed(
        &self,
        item: Uuid,
        signed: &Signed,
        now: DateTime<Utc>,
    ) -> sqlx::Result<()> {
        change!(self, tx => credentials::store_signed(tx, item, signed, now))
    }

    async fn unsigned(&self, after: Option<Uuid>, limit: u32) -> sqlx::Result<Vec<Unsigned>> {
        read!(self, tx => credentials::unsigned(tx, after, limit))
    }

    async fn credentials(&self, order: Uuid) -> sqlx::Result<Vec<ItemCredentials>> {
        read!(self, tx => credentials::of_order(tx, order))
    }

    async fn forget_unpaid(&self, before: DateTime<Utc>, limit: u32) -> sqlx::Result<u64> {
        change!(self, tx => retention::forget_unpaid(tx, before, limit))
    }

    async fn overdue(
        &self,
        before: DateTime<Utc>,
        after: Option<Uuid>,
        limit: u32,
    ) -> sqlx::Result<Vec<Order>> {
        read!(self, tx => orders::overdue(tx, before, after, limit))
    }

    async fn cancel(&self, order: Uuid, now: DateTime<Utc>) -> sqlx::Result<bool> {
        change!(self, tx => orders::cancel(tx, order, now))
    }

    async fn write_off_unclaimed(
        &self,
        before: NaiveDate,
        now: DateTime<Utc>,
        limit: u32,
    ) -> sqlx::Result<u64> {
        change!(self, tx => write_off::write_off_unclaimed(tx, before, now, limit))
    }

    async fn erase_credentials(&self, before: NaiveDate, limit: u32) -> sqlx::Result<u64> {
        change!(self, tx => retention::erase_credentials(tx, before, limit))
    }

    async fn erase_transfer_ids(&self, before: NaiveDate, limit: u32) -> sqlx::Result<u64> {
        change!(self, tx => retention::erase_transfer_ids(tx, before, limit))
    }

    async fn forget_closed(&self, before: DateTime<Utc>, limit: u32) -> sqlx::Result<u64> {
        change!(self, tx => retention::forget_closed(tx, before, limit))
    }

    async fn forget_idempotency(&self, now: DateTime<Utc>, limit: u32) -> sqlx::Result<u64> {
        change!(self, tx => retention::forget_idempotency(tx, now, limit))
    }

    async fn settle_surplus(&self, surplus: Uuid) -> sqlx::Result<bool> {
        change!(self, tx => surplus::settle(tx, surplus))
    }

    async fn known_skus(&self) -> sqlx::Result<Vec<String>> {
        read!(self, tx => orders::known_skus(tx))
    }

    async fn forget_deleted(&self) -> sqlx::Result<()> {
        self.db.forget_deleted().await
    }

    async fn report(&self) -> sqlx::Result<Report> {
        read!(self, tx => report::report(tx))
    }
}
