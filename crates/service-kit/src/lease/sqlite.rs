//! Leases in an SQLite database. The table stands in the service's own migrations: [`TABLE`].

use crate::db::sqlite::Connection;

#[cfg_attr(
    feature = "postgres",
    expect(clippy::duplicate_mod, reason = "each engine compiles the statements")
)]
#[path = "statements.rs"]
mod statements;

pub use statements::{check, release, take};

/// The table that a migration has to make.
pub const TABLE: &str = "\
CREATE TABLE lease (
    name      TEXT NOT NULL PRIMARY KEY,
    holder    BLOB NOT NULL,     -- a random number of the process
    epoch     INTEGER NOT NULL,  -- raised whenever the holder changes
    until_ms  INTEGER NOT NULL   -- real time; after it, others may take it
) WITHOUT ROWID;";
