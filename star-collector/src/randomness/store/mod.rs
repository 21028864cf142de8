//! What is kept: the sealed key of each instance, in its last state and no other.
//!
//! One method is one transaction; [`contract`] is the suite that every engine must pass.

use std::sync::Arc;

use async_trait::async_trait;
#[cfg(not(feature = "postgres"))]
use service_kit::db::NoEngine;
use service_kit::db::{self, Engine, Schema};

use super::domain::{InstanceName, StateId, StoredState};

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
    sqlite: &[include_str!(
        "../../../../migrations/star-randomness/sqlite/0001_keys.sql"
    )],
    postgres: &[include_str!(
        "../../../../migrations/star-randomness/postgres/0001_keys.sql"
    )],
};

/// Brings the tables at `url` up to date; in PostgreSQL, `url` is that of the role which owns them.
pub async fn migrate(url: &str) -> anyhow::Result<()> {
    db::migrate(url, SCHEMA).await
}

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// What is stored is not what this program writes.
    #[error("the stored {0} cannot be read")]
    Corrupt(&'static str),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// The database of the randomness service.
#[async_trait]
pub trait Store: Send + Sync {
    /// Which state an instance's key is in. Asked before each evaluation.
    async fn state_id(&self, instance: &InstanceName) -> Result<Option<StateId>, StoreError>;

    /// The key of an instance.
    async fn state(&self, instance: &InstanceName) -> Result<Option<StoredState>, StoreError>;

    /// The keys of all instances that ever were.
    async fn states(&self) -> Result<Vec<StoredState>, StoreError>;

    /// Stores an instance's first key. `false`, and nothing is written: it has one.
    async fn create(&self, state: &StoredState) -> Result<bool, StoreError>;

    /// Puts a key's next state in the place of the state `old`, which is deleted. `false`, and nothing is written: the
    /// key is in another state. A state whose position is before the old one's is an error.
    async fn replace(&self, old: &StateId, new: &StoredState) -> Result<bool, StoreError>;

    /// Makes what was deleted unreadable in the database's files.
    async fn forget_deleted(&self) -> Result<(), StoreError>;

    /// Whether the database answers; if not, what to do.
    async fn check(&self) -> anyhow::Result<()>;

    /// Closes the database; what is committed stays.
    async fn close(&self);
}
