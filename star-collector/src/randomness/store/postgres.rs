//! The keys in PostgreSQL.
//!
//! A replaced row stays in the server's files until they are vacuumed and written over: the tables ask for that at once,
//! and what is left until then is of no use without the key file.

use service_kit::db::postgres::{Database, OpenError, Row as EngineRow};

const SCRIPTS: &[&str] = super::SCHEMA.postgres;

#[expect(clippy::duplicate_mod, reason = "each engine compiles the statements")]
#[path = "statements/mod.rs"]
mod statements;

pub use statements::TableStore as PostgresStore;

#[cfg(test)]
mod tests;
