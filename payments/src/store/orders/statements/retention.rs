//! What is not kept for ever.

use chrono::{DateTime, NaiveDate, Utc};

use super::{Connection, Driver, orders, rows};

pub(super) async fn forget_unpaid(
    tx: &mut Connection,
    before: DateTime<Utc>,
    limit: u32,
) -> sqlx::Result<u64> {
    let forget = "DELETE FROM orders WHERE id IN (
         SELECT id FROM orders WHERE has_transfers = 0 AND kept_from_hour < $1 LIMIT $2)";
    let deleted = batch(tx, forget, rows::hour(before), limit).await?;
    // Writing when there is nothing to write would cost a flush to the disk each hour.
    if deleted > 0 {
        orders::count_unpaid(tx, -i64::try_from(deleted).unwrap_or(0)).await?;
    }
    Ok(deleted)
}

pub(super) async fn erase_credentials(
    tx: &mut Connection,
    before: NaiveDate,
    limit: u32,
) -> sqlx::Result<u64> {
    let erase = "UPDATE credentials
         SET state = 'erased', points = NULL, signed = NULL, proof = NULL, public_key = NULL
         WHERE item_id IN (
             SELECT item_id FROM credentials WHERE state = 'signed' AND signed_day < $1 LIMIT $2)";
    batch(tx, erase, before.to_string(), limit).await
}

/// The keyed hashes in `used_transfers` stay: they say that a transfer was used, and not which it was. An
/// open transfer keeps its id: its money may still arrive, and nobody could ask for it without.
pub(super) async fn erase_transfer_ids(
    tx: &mut Connection,
    before: NaiveDate,
    limit: u32,
) -> sqlx::Result<u64> {
    let erase = "UPDATE transfers SET external_id = NULL, payment_id = NULL
         WHERE id IN (
             SELECT transfers.id FROM transfers JOIN orders ON orders.id = transfers.order_id
             WHERE orders.fulfilled_day < $1 AND transfers.external_id IS NOT NULL
               AND transfers.status NOT IN ('pending', 'processing', 'quoted')
             LIMIT $2)";
    batch(tx, erase, before.to_string(), limit).await
}

/// An order whose transfer is open is kept: what may still arrive for it would be lost with it.
pub(super) async fn forget_closed(
    tx: &mut Connection,
    before: DateTime<Utc>,
    limit: u32,
) -> sqlx::Result<u64> {
    let forget = "DELETE FROM orders WHERE id IN (
         SELECT id FROM orders
         WHERE status IN ('fulfilled', 'canceled') AND created_hour < $1 AND NOT EXISTS (
             SELECT 1 FROM transfers
             WHERE order_id = orders.id AND transfers.status IN ('pending', 'processing', 'quoted'))
         LIMIT $2)";
    batch(tx, forget, rows::hour(before), limit).await
}

pub(super) async fn forget_idempotency(
    tx: &mut Connection,
    now: DateTime<Utc>,
    limit: u32,
) -> sqlx::Result<u64> {
    let forget = "DELETE FROM idempotency WHERE hash IN (
         SELECT hash FROM idempotency WHERE expires_hour <= $1 LIMIT $2)";
    batch(tx, forget, rows::hour(now), limit).await
}

/// Changes up to `limit` rows that are older than `age`, and says how many.
async fn batch<'q, A>(
    tx: &mut Connection,
    change: &'static str,
    age: A,
    limit: u32,
) -> sqlx::Result<u64>
where
    A: sqlx::Encode<'q, Driver> + sqlx::Type<Driver> + Send + 'q,
{
    let changed = sqlx::query(change)
        .bind(age)
        .bind(i64::from(limit))
        .execute(tx)
        .await?;
    Ok(changed.rows_affected())
}
