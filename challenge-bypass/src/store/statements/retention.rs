//! Forgetting.

use chrono::{DateTime, Utc};

use super::Connection;
use crate::store::StoreError;

/// Deletes the secrets of keys that redeem no more.
pub(super) async fn forget_secrets(
    conn: &mut Connection,
    time: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let deleted = sqlx::query(
        "DELETE FROM sealed_keys
         WHERE key_id IN (SELECT key_id FROM issuer_keys WHERE redeem_until < $1)",
    )
    .bind(time.timestamp())
    .execute(conn)
    .await?;
    Ok(deleted.rows_affected())
}

/// Deletes up to `rows_max` signing requests of keys that redeemed until before `time`.
pub(super) async fn forget_signings(
    conn: &mut Connection,
    time: DateTime<Utc>,
    rows_max: u32,
) -> Result<u64, StoreError> {
    let deleted = sqlx::query(
        "DELETE FROM signing_requests WHERE signing_id IN (
             SELECT s.signing_id FROM issuer_keys k CROSS JOIN signing_requests s
             WHERE s.key_id = k.key_id AND k.redeem_until < $1 LIMIT $2)",
    )
    .bind(time.timestamp())
    .bind(i64::from(rows_max))
    .execute(conn)
    .await?;
    Ok(deleted.rows_affected())
}
