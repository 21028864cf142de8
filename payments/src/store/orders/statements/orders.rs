//! Orders and their items.

use chrono::{DateTime, Utc};
use messages::payments::OrderStatus;
use sqlx::Row as _;
use uuid::Uuid;

use super::{Connection, EngineRow, rows, surplus, transfers};
use crate::{
    domain::{
        order::{Item, Order},
        transfer::{Transfer, TransferStatus},
    },
    store::orders::{Idempotency, PlaceLimits},
};

pub(super) async fn place(
    tx: &mut Connection,
    order: &Order,
    idempotency: Option<Idempotency>,
    limits: PlaceLimits,
) -> sqlx::Result<Order> {
    if let Some(key) = idempotency
        && let Some(before) = placed_under(tx, &key).await?
    {
        return Ok(before);
    }
    insert(tx, order).await?;
    if let Some(key) = idempotency {
        remember(tx, order.id, &key, limits.idempotency_max).await?;
    }
    trim_unpaid(tx, limits.unpaid_max).await?;
    Ok(order.clone())
}

pub(super) async fn placed_under(
    tx: &mut Connection,
    key: &Idempotency,
) -> sqlx::Result<Option<Order>> {
    let row = sqlx::query("SELECT order_id FROM idempotency WHERE hash = $1")
        .bind(&key.hash[..])
        .fetch_optional(&mut *tx)
        .await?;
    match row {
        Some(row) => find(tx, rows::id(&row, "order_id")?).await,
        None => Ok(None),
    }
}

async fn remember(
    tx: &mut Connection,
    order: Uuid,
    key: &Idempotency,
    keys_max: u64,
) -> sqlx::Result<()> {
    make_room_for_a_key(tx, keys_max).await?;
    if keys_max == 0 {
        return Ok(());
    }
    sqlx::query("INSERT INTO idempotency (hash, order_id, expires_hour) VALUES ($1, $2, $3)")
        .bind(&key.hash[..])
        .bind(order.as_bytes().as_slice())
        // The hour after: a key lives at least as long as promised.
        .bind(rows::hour(key.until) + 1)
        .execute(tx)
        .await?;
    Ok(())
}

/// Forgets the oldest keys where one more would be too many. The one that is about to come is never one of them.
async fn make_room_for_a_key(tx: &mut Connection, keys_max: u64) -> sqlx::Result<()> {
    let remembered: i64 = sqlx::query_scalar("SELECT keys FROM remembered_keys")
        .fetch_one(&mut *tx)
        .await?;
    let too_many = (remembered + 1).saturating_sub_unsigned(keys_max);
    if too_many <= 0 {
        return Ok(());
    }
    sqlx::query(
        "DELETE FROM idempotency WHERE hash IN (
             SELECT hash FROM idempotency ORDER BY expires_hour LIMIT $1)",
    )
    .bind(too_many)
    .execute(tx)
    .await?;
    Ok(())
}

/// Stores the order, which has no transfer yet.
pub(super) async fn insert(tx: &mut Connection, order: &Order) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO orders (id, created_hour, updated_hour, kept_from_hour, currency, total,
                             funding_source, status)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'pending')",
    )
    .bind(order.id.as_bytes().as_slice())
    .bind(rows::hour(order.created_at))
    .bind(rows::hour(order.updated_at))
    .bind(rows::hour(order.kept_from))
    .bind(&order.currency)
    .bind(order.total.to_string())
    .bind(order.funding_source.as_str())
    .execute(&mut *tx)
    .await?;
    for (position, item) in order.items.iter().enumerate() {
        insert_item(tx, order.id, position, item).await?;
    }
    count_unpaid(tx, 1).await
}

async fn insert_item(
    tx: &mut Connection,
    order: Uuid,
    position: usize,
    item: &Item,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO order_items (id, order_id, position, sku, quantity, price, subtotal, location,
                                  description)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(item.id.as_bytes().as_slice())
    .bind(order.as_bytes().as_slice())
    .bind(i64::try_from(position).map_err(|_| rows::unreadable("position"))?)
    .bind(&item.sku)
    .bind(i64::from(item.quantity))
    .bind(item.price.to_string())
    .bind(item.subtotal.to_string())
    .bind(&item.location)
    .bind(&item.description)
    .execute(&mut *tx)
    .await?;
    sqlx::query("INSERT INTO known_skus (sku) VALUES ($1) ON CONFLICT (sku) DO NOTHING")
        .bind(&item.sku)
        .execute(tx)
        .await?;
    Ok(())
}

pub(super) async fn known_skus(tx: &mut Connection) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar("SELECT sku FROM known_skus ORDER BY sku")
        .fetch_all(tx)
        .await
}

/// Pending orders that have had a transfer since before `before`, in the order of their ids.
pub(super) async fn overdue(
    tx: &mut Connection,
    before: DateTime<Utc>,
    after: Option<Uuid>,
    limit: u32,
) -> sqlx::Result<Vec<Order>> {
    let after = after.unwrap_or(Uuid::nil());
    let found = sqlx::query(
        "SELECT id FROM orders
         WHERE has_transfers = 1 AND status = 'pending' AND kept_from_hour < $1 AND id > $2
         ORDER BY id LIMIT $3",
    )
    .bind(rows::hour(before))
    .bind(after.as_bytes().as_slice())
    .bind(i64::from(limit))
    .fetch_all(&mut *tx)
    .await?;
    let mut overdue = Vec::with_capacity(found.len());
    for row in &found {
        let order = find(tx, rows::id(row, "id")?).await?;
        overdue.push(order.ok_or_else(|| rows::unreadable("id"))?);
    }
    Ok(overdue)
}

/// Cancels an order that is still pending: what has arrived for it becomes surplus.
pub(super) async fn cancel(
    tx: &mut Connection,
    id: Uuid,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let stored = find(tx, id).await?;
    if stored.is_none_or(|order| order.status != OrderStatus::Pending) {
        return Ok(false);
    }
    set_status(tx, id, OrderStatus::Canceled, now).await?;
    let transfers = transfers::of_order(tx, id).await?;
    let arrived = |one: &&Transfer| one.status == TransferStatus::Completed;
    for transfer in transfers.iter().filter(arrived) {
        surplus::note(tx, transfer, ("canceled", transfer.amount), now).await?;
    }
    Ok(true)
}

/// Changes the number of orders without a transfer.
pub(super) async fn count_unpaid(tx: &mut Connection, change: i64) -> sqlx::Result<()> {
    sqlx::query("UPDATE unpaid_orders SET orders = orders + $1")
        .bind(change)
        .execute(tx)
        .await?;
    Ok(())
}

async fn trim_unpaid(tx: &mut Connection, unpaid_max: u64) -> sqlx::Result<()> {
    let unpaid: i64 = sqlx::query_scalar("SELECT orders FROM unpaid_orders")
        .fetch_one(&mut *tx)
        .await?;
    let too_many = unpaid - i64::try_from(unpaid_max).unwrap_or(i64::MAX);
    if too_many <= 0 {
        return Ok(());
    }
    let deleted = sqlx::query(
        "DELETE FROM orders WHERE id IN (
             SELECT id FROM orders WHERE has_transfers = 0 ORDER BY kept_from_hour LIMIT $1)",
    )
    .bind(too_many)
    .execute(&mut *tx)
    .await?
    .rows_affected();
    count_unpaid(tx, -i64::try_from(deleted).unwrap_or(0)).await
}

pub(super) async fn find(tx: &mut Connection, id: Uuid) -> sqlx::Result<Option<Order>> {
    let row = sqlx::query("SELECT * FROM orders WHERE id = $1")
        .bind(id.as_bytes().as_slice())
        .fetch_optional(&mut *tx)
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let items = sqlx::query("SELECT * FROM order_items WHERE order_id = $1 ORDER BY position")
        .bind(id.as_bytes().as_slice())
        .fetch_all(tx)
        .await?;
    let items = items.iter().map(item).collect::<sqlx::Result<_>>()?;
    order(&row, items).map(Some)
}

/// Moves an order to another status.
pub(super) async fn set_status(
    tx: &mut Connection,
    id: Uuid,
    status: OrderStatus,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    let day = now.date_naive().to_string();
    sqlx::query(
        "UPDATE orders SET status = $2, updated_hour = $3,
             paid_day = CASE WHEN $2 = 'paid' THEN $4 ELSE paid_day END,
             fulfilled_day = CASE WHEN $2 = 'fulfilled' THEN $4 ELSE fulfilled_day END
         WHERE id = $1",
    )
    .bind(id.as_bytes().as_slice())
    .bind(rows::status_text(status))
    .bind(rows::hour(now))
    .bind(day)
    .execute(tx)
    .await?;
    Ok(())
}

fn order(row: &EngineRow, items: Vec<Item>) -> sqlx::Result<Order> {
    Ok(Order {
        id: rows::id(row, "id")?,
        created_at: rows::time(row, "created_hour")?,
        updated_at: rows::time(row, "updated_hour")?,
        kept_from: rows::time(row, "kept_from_hour")?,
        currency: row.try_get("currency")?,
        total: rows::amount(row, "total")?,
        funding_source: rows::text(row, "funding_source")?,
        status: rows::status(row, "status")?,
        references_used: rows::number(row, "references_used")?,
        has_transfers: rows::number::<u8>(row, "has_transfers")? == 1,
        items,
    })
}

fn item(row: &EngineRow) -> sqlx::Result<Item> {
    Ok(Item {
        id: rows::id(row, "id")?,
        sku: row.try_get("sku")?,
        quantity: rows::number(row, "quantity")?,
        price: rows::amount(row, "price")?,
        subtotal: rows::amount(row, "subtotal")?,
        location: row.try_get("location")?,
        description: row.try_get("description")?,
    })
}
