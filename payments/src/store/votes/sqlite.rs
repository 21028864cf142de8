//! The votes' database in SQLite.

use service_kit::{
    db::sqlite::{Connection, Database, OpenError},
    outbox::{SqliteOutbox as TableOutbox, sqlite::insert_all},
};

const SCRIPTS: &[&str] = super::SCHEMA.sqlite;

#[cfg_attr(
    feature = "postgres",
    expect(clippy::duplicate_mod, reason = "each engine compiles the statements")
)]
#[path = "statements.rs"]
mod statements;

pub use statements::TableVotes as SqliteVotes;

/// The tables are in the order of ids: only the write-ahead log is in that of writes.
async fn settle(db: &Database) -> sqlx::Result<()> {
    db.forget_deleted().await
}

#[cfg(test)]
mod tests;
