//! Databases: SQLite by default, PostgreSQL in production.
//!
//! `sqlite` and `postgres` have the same few names, so that a store's statements are written once: its
//! file of statements is a module of `sqlite.rs` and of `postgres.rs`, each of which brings its engine's
//! names into it. Both engines take `$1` for a parameter. On both, transactions that write come one after
//! the other, so no statement needs to reckon with another writer.

use secrecy::SecretString;
use serde::Deserialize;

pub mod sqlite;

#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "postgres")]
pub mod testing;

#[cfg(feature = "postgres")]
pub use postgres::Postgres;
pub use sqlite::{OpenError, Sqlite, SqliteTransaction};

/// The section `[database]` of a service's settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSettings {
    /// The URL of the database, which may hold a password.
    pub url: SecretString,
}
