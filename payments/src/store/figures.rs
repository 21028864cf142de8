//! What the orders side knows in sums, and publishes.

use std::fmt;

use async_trait::async_trait;
use chrono::NaiveDate;
use messages::KeyId;
use service_kit::outbox::Row;

use crate::domain::funds::{FundsTotal, Statement};

/// Sums over orders. They outlive the orders themselves.
#[async_trait]
pub trait Figures: fmt::Debug + Send + Sync {
    /// Orders that got signatures under a key, by day: each order once for each key.
    async fn orders_signed_by_day(&self) -> sqlx::Result<Vec<(KeyId, NaiveDate, u64)>>;

    /// What orders that became paid were worth and bought since the beginning, less what records have set off, for
    /// each source and value that has any.
    async fn funds_totals(&self) -> sqlx::Result<Vec<FundsTotal>>;

    /// How many orders became paid on each day from `from` to `to`, both included. Days without any may be left out.
    async fn orders_paid_by_day(
        &self,
        from: NaiveDate,
        to: NaiveDate,
    ) -> sqlx::Result<Vec<(NaiveDate, u64)>>;

    /// The last day that has records of funds.
    async fn last_funds_day(&self) -> sqlx::Result<Option<NaiveDate>>;

    /// Leaves `rows` to be published as the records of `day`, which say `statements`, and takes off the totals what
    /// those set off. `false`, and nothing is written: there are records of this day or of a later one, or the totals
    /// are others than those that the statements were made from.
    async fn append_funds(
        &self,
        day: NaiveDate,
        statements: &[Statement],
        rows: &[Row],
    ) -> sqlx::Result<bool>;

    /// Makes `total` what is known of its source and value, and leaves `row` to be published, in place of one with its
    /// id that still waits. `false`, and nothing is written: that one is being published.
    async fn restate_funds(&self, total: &FundsTotal, row: &Row) -> sqlx::Result<bool>;
}
