//! What the orders side knows in sums, and publishes.

use std::fmt;

use async_trait::async_trait;
use chrono::NaiveDate;
use messages::KeyId;

use crate::domain::funds::FundsTotal;

/// Sums over orders. They outlive the orders themselves.
#[async_trait]
pub trait Figures: fmt::Debug + Send + Sync {
    /// Orders that got signatures under a key, by day: each order once for each key.
    async fn orders_signed_by_day(&self) -> sqlx::Result<Vec<(KeyId, NaiveDate, u64)>>;

    /// What orders that became paid were worth and bought, since the beginning, for each source and value that has any.
    async fn funds_totals(&self) -> sqlx::Result<Vec<FundsTotal>>;

    /// How many orders became paid on each day from `from` to `to`, both included. Days without any may be left out.
    async fn orders_paid_by_day(
        &self,
        from: NaiveDate,
        to: NaiveDate,
    ) -> sqlx::Result<Vec<(NaiveDate, u64)>>;
}
