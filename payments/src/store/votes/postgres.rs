//! The votes' database in PostgreSQL.

use service_kit::{
    db::postgres::{Connection, Database, OpenError},
    outbox::{PostgresOutbox as TableOutbox, postgres::insert_all},
};

use super::POSTGRES as MIGRATOR;

#[expect(clippy::duplicate_mod, reason = "each engine compiles the statements")]
#[path = "statements.rs"]
mod statements;

pub use statements::TableVotes as PostgresVotes;

/// Writes the tables anew. Votes wait meanwhile, so it runs once a day, and takes longer than a request may.
async fn settle(db: &Database) -> sqlx::Result<()> {
    let mut tx = db.begin().await?;
    for statement in [
        "SET LOCAL statement_timeout = '5min'",
        "SELECT settle_votes()",
    ] {
        sqlx::query(statement).execute(&mut *tx).await?;
    }
    tx.commit().await
}

#[cfg(test)]
mod tests;
