//! Leases in a PostgreSQL database. The table stands in the service's own migrations: [`TABLE`].

use crate::db::postgres::Connection;

#[expect(clippy::duplicate_mod, reason = "each engine compiles the statements")]
#[path = "statements.rs"]
mod statements;

pub use statements::{check, release, take};

/// The table that a migration has to make.
pub const TABLE: &str = "\
CREATE TABLE lease (
    name      TEXT NOT NULL PRIMARY KEY,
    holder    BYTEA NOT NULL,   -- a random number of the process
    epoch     BIGINT NOT NULL,  -- raised whenever the holder changes
    until_ms  BIGINT NOT NULL   -- real time; after it, others may take it
);";
