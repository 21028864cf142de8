//! The votes' database in PostgreSQL.

use service_kit::{
    db::postgres::{Connection, Database, OpenError},
    outbox::{PostgresOutbox as TableOutbox, postgres::insert_all},
};

const SCRIPTS: &[&str] = super::SCHEMA.postgres;

#[expect(clippy::duplicate_mod, reason = "each engine compiles the statements")]
#[path = "statements.rs"]
mod statements;

pub use statements::TableVotes as PostgresVotes;

/// What holds while tables are written anew.
const LONG_WORK: [&str; 2] = [
    // It takes longer than a request may.
    "SET LOCAL statement_timeout = '1h'",
    // The work of a process that died would keep its successor from doing it, and be undone at its end.
    "SET LOCAL client_connection_check_interval = '5s'",
];

/// Writes the tables anew. Votes wait for the last, short part only.
async fn settle(db: &Database) -> sqlx::Result<()> {
    let mut tx = db.begin_beside().await?;
    for statement in LONG_WORK.into_iter().chain(["SELECT settle_votes()"]) {
        sqlx::query(statement).execute(&mut *tx).await?;
    }
    tx.commit().await
}

#[cfg(test)]
mod tests;
