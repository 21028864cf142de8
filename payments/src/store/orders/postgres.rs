//! The orders' database in PostgreSQL.

use service_kit::{
    db::postgres::{Connection, Database, Driver, OpenError, Row as EngineRow},
    outbox::postgres::insert,
};

const SCRIPTS: &[&str] = super::SCHEMA.postgres;
use crate::store::publications::PostgresPublications as TablePublications;

#[expect(clippy::duplicate_mod, reason = "each engine compiles the statements")]
#[path = "statements/mod.rs"]
mod statements;

pub use statements::TableOrders as PostgresOrders;

#[cfg(test)]
mod tests;
