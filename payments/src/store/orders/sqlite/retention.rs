//! What is not kept for ever.

use chrono::{DateTime, NaiveDate, Utc};
use messages::payments::OrderStatus;
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::{orders, rows, transfers};
use crate::domain::transfer::TransferStatus;

pub(super) async fn forget_unpaid(
    tx: &mut SqliteConnection,
    before: DateTime<Utc>,
    limit: u32,
) -> sqlx::Result<u64> {
    let deleted = sqlx::query(
        "DELETE FROM orders WHERE id IN (
             SELECT id FROM orders WHERE has_transfers = 0 AND kept_from_hour < ? LIMIT ?)",
    )
    .bind(rows::hour(before))
    .bind(limit)
    .execute(&mut *tx)
    .await?
    .rows_affected();
    // Writing when there is nothing to write would cost a flush to the disk each hour.
    if deleted > 0 {
        orders::count_unpaid(tx, -i64::try_from(deleted).unwrap_or(0)).await?;
    }
    Ok(deleted)
}

pub(super) async fn cancel_partly_paid(
    tx: &mut SqliteConnection,
    before: DateTime<Utc>,
    now: DateTime<Utc>,
    limit: u32,
) -> sqlx::Result<u64> {
    let found = sqlx::query(
        "SELECT id FROM orders
         WHERE has_transfers = 1 AND status = 'pending' AND kept_from_hour < ? LIMIT ?",
    )
    .bind(rows::hour(before))
    .bind(limit)
    .fetch_all(&mut *tx)
    .await?;
    for row in &found {
        let id = rows::id(row, "id")?;
        orders::set_status(tx, id, OrderStatus::Canceled, now).await?;
        let arrived = transfers::of_order(tx, id).await?;
        for transfer in arrived
            .iter()
            .filter(|one| one.status == TransferStatus::Completed)
        {
            transfers::surplus(tx, transfer, ("canceled", transfer.amount), now).await?;
        }
    }
    Ok(found.len() as u64)
}

pub(super) async fn cancel_unclaimed(
    tx: &mut SqliteConnection,
    before: NaiveDate,
    now: DateTime<Utc>,
    limit: u32,
) -> sqlx::Result<u64> {
    // Whoever has submitted points for one item only still owns what was paid for the others.
    let found = sqlx::query(
        "SELECT id FROM orders
         WHERE status = 'paid' AND paid_day < ?
           AND NOT EXISTS (SELECT 1 FROM credentials WHERE credentials.order_id = orders.id)
         LIMIT ?",
    )
    .bind(before.to_string())
    .bind(limit)
    .fetch_all(&mut *tx)
    .await?;
    for row in &found {
        let id = rows::id(row, "id")?;
        let order = orders::find(tx, id).await?;
        let order = order.ok_or_else(|| rows::unreadable("id"))?;
        orders::set_status(tx, id, OrderStatus::Canceled, now).await?;
        sqlx::query(
            "INSERT INTO surplus (id, order_id, reason, currency, amount, day)
             VALUES (?, ?, 'unclaimed', ?, ?, ?)",
        )
        .bind(Uuid::new_v4().as_bytes().as_slice())
        .bind(id.as_bytes().as_slice())
        .bind(&order.currency)
        .bind(order.total.to_string())
        .bind(now.date_naive().to_string())
        .execute(&mut *tx)
        .await?;
    }
    Ok(found.len() as u64)
}

pub(super) async fn erase_credentials(
    tx: &mut SqliteConnection,
    before: NaiveDate,
    limit: u32,
) -> sqlx::Result<u64> {
    let erased = sqlx::query(
        "UPDATE credentials
         SET state = 'erased', points = NULL, signed = NULL, proof = NULL, public_key = NULL
         WHERE item_id IN (
             SELECT item_id FROM credentials WHERE state = 'signed' AND signed_day < ? LIMIT ?)",
    )
    .bind(before.to_string())
    .bind(limit)
    .execute(tx)
    .await?;
    Ok(erased.rows_affected())
}

/// The keyed hashes in `used_transfers` stay: they say that a transfer was used, and not which it was.
pub(super) async fn erase_transfer_ids(
    tx: &mut SqliteConnection,
    before: NaiveDate,
    limit: u32,
) -> sqlx::Result<u64> {
    let erased = sqlx::query(
        "UPDATE transfers SET external_id = NULL, payment_id = NULL
         WHERE external_id IS NOT NULL AND order_id IN (
             SELECT orders.id FROM orders
             WHERE fulfilled_day < ?1 AND EXISTS (
                 SELECT 1 FROM transfers
                 WHERE transfers.order_id = orders.id AND transfers.external_id IS NOT NULL)
             LIMIT ?2)",
    )
    .bind(before.to_string())
    .bind(limit)
    .execute(tx)
    .await?;
    Ok(erased.rows_affected())
}

pub(super) async fn forget_closed(
    tx: &mut SqliteConnection,
    before: DateTime<Utc>,
    limit: u32,
) -> sqlx::Result<u64> {
    let deleted = sqlx::query(
        "DELETE FROM orders WHERE id IN (
             SELECT id FROM orders
             WHERE status IN ('fulfilled', 'canceled') AND created_hour < ? LIMIT ?)",
    )
    .bind(rows::hour(before))
    .bind(limit)
    .execute(tx)
    .await?;
    Ok(deleted.rows_affected())
}

pub(super) async fn forget_idempotency(
    tx: &mut SqliteConnection,
    now: DateTime<Utc>,
) -> sqlx::Result<u64> {
    let deleted = sqlx::query("DELETE FROM idempotency WHERE expires_hour <= ?")
        .bind(rows::hour(now))
        .execute(tx)
        .await?;
    Ok(deleted.rows_affected())
}

pub(super) async fn settle_surplus(tx: &mut SqliteConnection, order: Uuid) -> sqlx::Result<u64> {
    let deleted = sqlx::query("DELETE FROM surplus WHERE order_id = ?")
        .bind(order.as_bytes().as_slice())
        .execute(tx)
        .await?;
    Ok(deleted.rows_affected())
}
