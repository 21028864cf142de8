//! The aggregator's database in SQLite.

use service_kit::{
    db::sqlite::{Connection, Database, OpenError, Row as EngineRow, text},
    lease::sqlite as leases,
    outbox::{SqliteOutbox as TableOutbox, sqlite::insert_all},
};

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
