//! Forgetting.

use chrono::{DateTime, Utc};
use sqlx::SqliteConnection;

use crate::store::StoreError;

/// Deletes the secrets of keys that redeem no more.
pub(super) async fn forget_secrets(
    conn: &mut SqliteConnection,
    time: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let deleted = sqlx::query(
        "DELETE FROM sealed_keys
         WHERE key_id IN (SELECT key_id FROM issuer_keys WHERE redeem_until < ?)",
    )
    .bind(time.timestamp())
    .execute(conn)
    .await?;
    Ok(deleted.rows_affected())
}

/// Deletes redemptions and signing requests of keys that redeemed until before `time`.
pub(super) async fn forget_redemptions(
    conn: &mut SqliteConnection,
    time: DateTime<Utc>,
    rows_max: u32,
) -> Result<u64, StoreError> {
    let redemptions = sqlx::query(
        "DELETE FROM redemptions WHERE (key_id, spent) IN (
             SELECT r.key_id, r.spent
             FROM issuer_keys k CROSS JOIN redemptions r ON r.key_id = k.key_id
             WHERE k.redeem_until < ?1 LIMIT ?2)",
    )
    .bind(time.timestamp())
    .bind(rows_max)
    .execute(&mut *conn)
    .await?
    .rows_affected();

    let left = i64::from(rows_max) - i64::try_from(redemptions).unwrap_or(i64::MAX);
    let requests = sqlx::query(
        "DELETE FROM signing_requests WHERE signing_id IN (
             SELECT s.signing_id
             FROM issuer_keys k CROSS JOIN signing_requests s ON s.key_id = k.key_id
             WHERE k.redeem_until < ?1 LIMIT ?2)",
    )
    .bind(time.timestamp())
    .bind(left.max(0))
    .execute(conn)
    .await?
    .rows_affected();
    Ok(redemptions + requests)
}
