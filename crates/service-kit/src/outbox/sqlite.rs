//! The outbox of a service whose database is SQLite.
//!
//! Its tables stand in the service's own migrations, word for word as in [`TABLES`], together with
//! [`crate::lease::sqlite::TABLE`]. The service writes rows with [`insert`], in the transaction of the
//! change that they tell of.

use crate::{
    db::sqlite::{Connection, Database, Row as EngineRow, SqliteTransaction as Transaction, text},
    lease::sqlite as leases,
};

#[cfg_attr(
    feature = "postgres",
    expect(clippy::duplicate_mod, reason = "each engine compiles the statements")
)]
#[path = "statements.rs"]
mod statements;

pub use statements::{TableOutbox as SqliteOutbox, insert, insert_all};

/// The tables that a migration has to make.
pub const TABLES: &str = "\
CREATE TABLE outbox (
    id        BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 32),  -- a hash or random: its order says nothing about time
    position  INTEGER UNIQUE,             -- NULL until the relay has shuffled the row in
    topic     TEXT NOT NULL,
    key       BLOB NOT NULL,
    value     BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE outbox_state (
    one         INTEGER NOT NULL PRIMARY KEY CHECK (one = 0),
    generation  BLOB NOT NULL,    -- random; a restored outbox needs a new one
    counter     INTEGER NOT NULL  -- the next position to give
) WITHOUT ROWID;

INSERT INTO outbox_state (one, generation, counter) VALUES (0, randomblob(16), 0);";

/// What a later migration has to add to them.
pub const SLOTS: &str = "\
ALTER TABLE outbox_state ADD COLUMN slot INTEGER NOT NULL DEFAULT 0;  -- Unix seconds of the last slot that the relay came to, or 0
ALTER TABLE outbox_state ADD COLUMN due INTEGER NOT NULL DEFAULT 0;   -- how many rows that waited then still get positions";

#[cfg(test)]
mod tests;
