//! Blinded tokens and their signatures.

use chrono::{DateTime, Utc};
use messages::payments::OrderStatus;
use sqlx::Row as _;
use uuid::Uuid;

use super::{Connection, EngineRow, orders, rows};
use crate::{
    domain::{
        credentials::{Credentials, Points, Signed},
        order::Item,
    },
    store::orders::{ItemCredentials, Submission, Unsigned},
};

pub(super) async fn submit(
    tx: &mut Connection,
    order: Uuid,
    item: Uuid,
    points: &Points,
) -> sqlx::Result<Submission> {
    if let Some(before) = find(tx, item).await? {
        return Ok(match before.credentials {
            Credentials::Erased => Submission::Erased,
            Credentials::Signed(stored, signed) if stored == *points => Submission::Signed(signed),
            Credentials::Signing(stored) if stored == *points => Submission::Accepted,
            Credentials::Signed(..) | Credentials::Signing(_) => Submission::Other,
        });
    }
    let found = orders::find(tx, order).await?;
    let status = found.as_ref().map(|order| order.status);
    match status {
        Some(OrderStatus::Fulfilled | OrderStatus::Paid) => {}
        Some(OrderStatus::Canceled) => return Ok(Submission::Canceled),
        Some(OrderStatus::Pending) | None => return Ok(Submission::NotPaid),
    }
    let items = found.map(|order| order.items).unwrap_or_default();
    let item = items.iter().find(|one| one.id == item);
    let item = item.ok_or_else(|| rows::unreadable("order_items.id"))?;
    sqlx::query(
        "INSERT INTO credentials (item_id, order_id, sku, state, points)
         VALUES ($1, $2, $3, 'signing', $4)",
    )
    .bind(item.id.as_bytes().as_slice())
    .bind(order.as_bytes().as_slice())
    .bind(&item.sku)
    .bind(rows::joined(points.tokens()))
    .execute(tx)
    .await?;
    Ok(Submission::Accepted)
}

pub(super) async fn store_signed(
    tx: &mut Connection,
    item: Uuid,
    signed: &Signed,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    let key = signed.key();
    let day = now.date_naive().to_string();
    let order = sqlx::query(
        "UPDATE credentials SET state = 'signed', signed = $2, proof = $3, public_key = $4,
                                key_id = $5, signed_day = $6
         WHERE item_id = $1 AND state = 'signing' RETURNING order_id",
    )
    .bind(item.as_bytes().as_slice())
    .bind(rows::joined(&signed.tokens))
    .bind(signed.proof.as_bytes().as_slice())
    .bind(signed.public_key.as_bytes().as_slice())
    .bind(key.as_bytes().as_slice())
    .bind(&day)
    .fetch_optional(&mut *tx)
    .await?;
    // Somebody else was faster: what is stored stays, and is counted already.
    let Some(order) = order else {
        return Ok(());
    };
    let order = rows::id(&order, "order_id")?;
    let same_key: i64 =
        sqlx::query_scalar("SELECT count(*) FROM credentials WHERE order_id = $1 AND key_id = $2")
            .bind(order.as_bytes().as_slice())
            .bind(key.as_bytes().as_slice())
            .fetch_one(&mut *tx)
            .await?;
    if same_key == 1 {
        count_order(tx, key.as_bytes(), &day).await?;
    }
    fulfil_when_complete(tx, order, now).await
}

/// An order is fulfilled when each of its items is signed or closed.
pub(super) async fn fulfil_when_complete(
    tx: &mut Connection,
    order: Uuid,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    let open: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM order_items WHERE order_id = $1 AND NOT EXISTS (
             SELECT 1 FROM credentials WHERE item_id = order_items.id AND state <> 'signing')",
    )
    .bind(order.as_bytes().as_slice())
    .fetch_one(&mut *tx)
    .await?;
    if open == 0 {
        orders::set_status(tx, order, OrderStatus::Fulfilled, now).await?;
    }
    Ok(())
}

/// Closes an item that was never claimed: nothing is ever signed for it.
pub(super) async fn close(tx: &mut Connection, order: Uuid, item: &Item) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO credentials (item_id, order_id, sku, state) VALUES ($1, $2, $3, 'erased')",
    )
    .bind(item.id.as_bytes().as_slice())
    .bind(order.as_bytes().as_slice())
    .bind(&item.sku)
    .execute(tx)
    .await?;
    Ok(())
}

async fn count_order(tx: &mut Connection, key: &[u8; 16], day: &str) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO key_day_orders (key_id, day, orders) VALUES ($1, $2, 1)
         ON CONFLICT (key_id, day) DO UPDATE SET orders = key_day_orders.orders + 1",
    )
    .bind(key.as_slice())
    .bind(day)
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn unsigned(
    tx: &mut Connection,
    after: Option<Uuid>,
    limit: u32,
) -> sqlx::Result<Vec<Unsigned>> {
    let after = after.unwrap_or(Uuid::nil());
    let found = sqlx::query(
        "SELECT item_id, sku, points FROM credentials
         WHERE state = 'signing' AND item_id > $1 ORDER BY item_id LIMIT $2",
    )
    .bind(after.as_bytes().as_slice())
    .bind(i64::from(limit))
    .fetch_all(tx)
    .await?;
    let unsigned = |row: &EngineRow| {
        Ok(Unsigned {
            item: rows::id(row, "item_id")?,
            sku: row.try_get("sku")?,
            points: Points::stored(rows::list(row, "points")?),
        })
    };
    found.iter().map(unsigned).collect()
}

pub(super) async fn of_order(
    tx: &mut Connection,
    order: Uuid,
) -> sqlx::Result<Vec<ItemCredentials>> {
    let found = sqlx::query(
        "SELECT credentials.* FROM credentials
         JOIN order_items ON order_items.id = credentials.item_id
         WHERE credentials.order_id = $1 ORDER BY order_items.position",
    )
    .bind(order.as_bytes().as_slice())
    .fetch_all(tx)
    .await?;
    found.iter().map(credentials).collect()
}

async fn find(tx: &mut Connection, item: Uuid) -> sqlx::Result<Option<ItemCredentials>> {
    let row = sqlx::query("SELECT * FROM credentials WHERE item_id = $1")
        .bind(item.as_bytes().as_slice())
        .fetch_optional(tx)
        .await?;
    row.as_ref().map(credentials).transpose()
}

fn credentials(row: &EngineRow) -> sqlx::Result<ItemCredentials> {
    let points = || rows::list(row, "points").map(Points::stored);
    let credentials = match row.try_get("state")? {
        "erased" => Credentials::Erased,
        "signing" => Credentials::Signing(points()?),
        "signed" => {
            let signed = Signed {
                tokens: rows::list(row, "signed")?,
                proof: rows::fixed(row, "proof")?,
                public_key: rows::fixed(row, "public_key")?,
            };
            Credentials::Signed(points()?, signed)
        }
        _ => return Err(rows::unreadable("state")),
    };
    Ok(ItemCredentials {
        item: rows::id(row, "item_id")?,
        sku: row.try_get("sku")?,
        credentials,
    })
}
