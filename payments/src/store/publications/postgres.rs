//! What is published, in PostgreSQL.

use service_kit::{
    db::postgres::{Connection, Database, Row as EngineRow},
    outbox::{PostgresOutbox as TableOutbox, postgres::insert},
};

#[expect(clippy::duplicate_mod, reason = "each engine compiles the statements")]
#[path = "statements.rs"]
mod statements;

pub use statements::TablePublications as PostgresPublications;

#[cfg(test)]
mod tests;
