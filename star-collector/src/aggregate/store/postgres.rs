//! The aggregator's database in PostgreSQL.

use service_kit::{
    db::postgres::{Connection, Database, OpenError, Row as EngineRow, text},
    lease::postgres as leases,
    outbox::{PostgresOutbox as TableOutbox, postgres::insert_all},
};

const SCRIPTS: &[&str] = super::SCHEMA.postgres;

#[expect(clippy::duplicate_mod, reason = "each engine compiles the statements")]
#[path = "statements/mod.rs"]
mod statements;

pub use statements::TableStore as PostgresStore;

#[cfg(test)]
mod tests;
