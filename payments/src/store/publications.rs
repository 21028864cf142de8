//! What the orders side publishes to everybody: the key directory and its heads.
//!
//! It lies in the orders' database and leaves through its outbox, as the records of funds do; what must happen
//! together, the head and its row, happens in one transaction.

use std::fmt;

use async_trait::async_trait;
use messages::directory::{Directory, Entry, Head};
use service_kit::outbox::Row;

pub mod contract;
#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;

#[cfg(feature = "postgres")]
pub use postgres::PostgresPublications;
pub use sqlite::SqlitePublications;

/// Storage of what is published. Each method is one transaction.
#[async_trait]
pub trait Publications: fmt::Debug + Send + Sync {
    /// The directory with all heads.
    async fn directory(&self) -> sqlx::Result<Directory>;

    /// How many entries and how many heads it has. Neither ever becomes less.
    async fn directory_size(&self) -> sqlx::Result<(u64, u64)>;

    /// Appends `entries`. `false`, and nothing is written: another process was first, and they do not go on from what
    /// is stored.
    async fn append_entries(&self, entries: &[Entry]) -> sqlx::Result<bool>;

    /// Appends the day's `head` over all stored entries, and leaves `row` to be published. `false`, and nothing is
    /// written: another process was first, with this day's head or with entries.
    async fn append_head(&self, head: &Head, row: &Row) -> sqlx::Result<bool>;

    /// Puts `heads` back that were published before, and are not stored. Those days that have a head keep it.
    async fn restore_heads(&self, heads: &[Head]) -> sqlx::Result<()>;
}
