//! What the orders side publishes to everybody: the key directory's heads and the records of funds.
//!
//! Both lie in the orders' database and leave through its outbox; what must happen together, the head and its row,
//! happens in one transaction.

use std::fmt;

use async_trait::async_trait;
use chrono::NaiveDate;
use messages::directory::{Directory, Entry, Head};
use service_kit::outbox::sqlite::Row;

pub mod contract;
mod sqlite;
#[cfg(test)]
mod tests;

pub use sqlite::SqlitePublications;

/// Storage of what is published. Each method is one transaction.
#[async_trait]
pub trait Publications: fmt::Debug + Send + Sync {
    /// The directory with all heads.
    async fn directory(&self) -> sqlx::Result<Directory>;

    /// Appends `entries`. `false`, and nothing is written: another process was first, and they do not go on from what
    /// is stored.
    async fn append_entries(&self, entries: &[Entry]) -> sqlx::Result<bool>;

    /// Appends the day's `head` over all stored entries, and leaves `row` to be published. `false`, and nothing is
    /// written: another process was first, with this day's head or with entries.
    async fn append_head(&self, head: &Head, row: &Row) -> sqlx::Result<bool>;

    /// The last day that has records of funds.
    async fn last_funds_day(&self) -> sqlx::Result<Option<NaiveDate>>;

    /// Leaves `rows` to be published as the records of `day`. `false`, and nothing is written: there are records of
    /// this day or of a later one.
    async fn append_funds(&self, day: NaiveDate, rows: &[Row]) -> sqlx::Result<bool>;
}
