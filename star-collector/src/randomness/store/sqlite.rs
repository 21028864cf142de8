//! The keys in an SQLite file.

use service_kit::db::sqlite::{Database, OpenError, Row as EngineRow};

const SCRIPTS: &[&str] = super::SCHEMA.sqlite;

#[cfg_attr(
    feature = "postgres",
    expect(clippy::duplicate_mod, reason = "each engine compiles the statements")
)]
#[path = "statements/mod.rs"]
mod statements;

pub use statements::TableStore as SqliteStore;

#[cfg(test)]
mod tests;
