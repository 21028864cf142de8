//! The registry in PostgreSQL.
//!
//! Each key's redemptions are a table of their own, a partition, which is dropped as a whole once the key has
//! ended: no row of it is left in any file. Two functions of the role that owns the tables do this, and they are
//! all that the service may do besides reading and writing rows.

use chrono::{DateTime, Utc};
use messages::KeyId;
use service_kit::db::postgres::{Connection, Database, OpenError, Row as EngineRow};

use super::StoreError;

const SCRIPTS: &[&str] = super::SCHEMA.postgres;

#[expect(clippy::duplicate_mod, reason = "each engine compiles the statements")]
#[path = "statements/mod.rs"]
mod statements;

pub use statements::TableStore as PostgresStore;

/// Makes the table of a new key's redemptions.
async fn begin_redemptions(conn: &mut Connection, key: KeyId) -> Result<(), StoreError> {
    sqlx::query("SELECT begin_redemptions($1)")
        .bind(key.as_bytes().as_slice())
        .execute(conn)
        .await?;
    Ok(())
}

/// Drops the redemptions of one key that redeemed until before `time`, however many they are. Returns how many rows more
/// may be deleted: none, or `rows_max` if there was no such key.
async fn forget_redemptions(
    conn: &mut Connection,
    time: DateTime<Utc>,
    rows_max: u32,
) -> Result<u32, StoreError> {
    let dropped: bool = sqlx::query_scalar("SELECT drop_redemptions($1)")
        .bind(time.timestamp())
        .fetch_one(conn)
        .await?;
    Ok(if dropped { 0 } else { rows_max })
}

#[cfg(test)]
mod tests;
