//! The orders' database in SQLite.

use service_kit::{
    db::sqlite::{Connection, Database, Driver, OpenError, Row as EngineRow},
    outbox::sqlite::insert,
};

const SCRIPTS: &[&str] = super::SCHEMA.sqlite;
use crate::store::publications::SqlitePublications as TablePublications;

#[cfg_attr(
    feature = "postgres",
    expect(clippy::duplicate_mod, reason = "each engine compiles the statements")
)]
#[path = "statements/mod.rs"]
mod statements;

pub use statements::TableOrders as SqliteOrders;

#[cfg(test)]
mod tests;
