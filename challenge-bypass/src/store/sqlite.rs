//! The registry in an SQLite file.

use chrono::{DateTime, Utc};
use messages::KeyId;
use service_kit::db::sqlite::{Connection, Database, OpenError, Row as EngineRow};

use super::StoreError;

const SCRIPTS: &[&str] = super::SCHEMA.sqlite;

#[cfg_attr(
    feature = "postgres",
    expect(clippy::duplicate_mod, reason = "each engine compiles the statements")
)]
#[path = "statements/mod.rs"]
mod statements;

pub use statements::TableStore as SqliteStore;

/// A new key's redemptions need no place of their own.
async fn begin_redemptions(_conn: &mut Connection, _key: KeyId) -> Result<(), StoreError> {
    Ok(())
}

/// Deletes up to `rows_max` redemptions of keys that redeemed until before `time`. Returns how many rows more may be
/// deleted.
async fn forget_redemptions(
    conn: &mut Connection,
    time: DateTime<Utc>,
    rows_max: u32,
) -> Result<u32, StoreError> {
    let deleted = sqlx::query(
        "DELETE FROM redemptions WHERE (key_id, spent) IN (
             SELECT r.key_id, r.spent
             FROM issuer_keys k CROSS JOIN redemptions r ON r.key_id = k.key_id
             WHERE k.redeem_until < $1 LIMIT $2)",
    )
    .bind(time.timestamp())
    .bind(rows_max)
    .execute(conn)
    .await?;
    let deleted = u32::try_from(deleted.rows_affected()).unwrap_or(rows_max);
    Ok(rows_max.saturating_sub(deleted))
}

#[cfg(test)]
mod tests;
