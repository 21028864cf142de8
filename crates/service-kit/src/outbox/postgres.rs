//! The outbox of a service whose database is PostgreSQL.
//!
//! Its tables stand in the service's own migrations, as in [`TABLES`], together with
//! [`crate::lease::postgres::TABLE`]. The service writes rows with [`insert`], in the transaction of the
//! change that they tell of.

use crate::{
    db::postgres::{
        Connection, Database, PostgresTransaction as Transaction, Row as EngineRow, text,
    },
    lease::postgres as leases,
};

#[expect(clippy::duplicate_mod, reason = "each engine compiles the statements")]
#[path = "statements.rs"]
mod statements;

pub use statements::{TableOutbox as PostgresOutbox, insert, insert_all};

/// The tables that a migration has to make.
pub const TABLES: &str = "\
CREATE TABLE outbox (
    id        BYTEA NOT NULL PRIMARY KEY CHECK (length(id) = 32),  -- a hash or random: its order says nothing about time
    position  BIGINT UNIQUE,               -- NULL until the relay has shuffled the row in
    topic     TEXT NOT NULL,
    key       BYTEA NOT NULL,
    value     BYTEA NOT NULL
);

CREATE TABLE outbox_state (
    one         INTEGER NOT NULL PRIMARY KEY CHECK (one = 0),
    generation  BYTEA NOT NULL,  -- random; a restored outbox needs a new one
    counter     BIGINT NOT NULL  -- the next position to give
);

INSERT INTO outbox_state (one, generation, counter) VALUES (0, uuid_send(gen_random_uuid()), 0);";

/// What a later migration has to add to them.
pub const SLOTS: &str = "\
ALTER TABLE outbox_state ADD COLUMN slot BIGINT NOT NULL DEFAULT 0;  -- Unix seconds of the last slot that the relay came to, or 0
ALTER TABLE outbox_state ADD COLUMN due BIGINT NOT NULL DEFAULT 0;   -- how many rows that waited then still get positions
-- The server fills in nothing by itself.
ALTER TABLE outbox_state ALTER COLUMN slot DROP DEFAULT, ALTER COLUMN due DROP DEFAULT;";

#[cfg(test)]
mod tests;
