//! What is published, in SQLite.

use service_kit::{
    db::sqlite::{Connection, Database, Row as EngineRow},
    outbox::{SqliteOutbox as TableOutbox, sqlite::insert},
};

#[cfg_attr(
    feature = "postgres",
    expect(clippy::duplicate_mod, reason = "each engine compiles the statements")
)]
#[path = "statements.rs"]
mod statements;

pub use statements::TablePublications as SqlitePublications;

#[cfg(test)]
mod tests;
