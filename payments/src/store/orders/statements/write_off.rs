//! Items that were paid for and never claimed (docs/decisions/0004).

use chrono::{DateTime, NaiveDate, Utc};
use messages::payments::OrderStatus;
use uuid::Uuid;

use super::{Connection, credentials, figures, orders, rows, surplus, transfers};
use crate::{
    domain::{
        order::{Item, Order},
        transfer::{Transfer, TransferStatus},
    },
    store::orders::Surplus,
};

/// Writes off what nobody has claimed of up to `limit` orders that were paid before `before`.
pub(super) async fn write_off_unclaimed(
    tx: &mut Connection,
    before: NaiveDate,
    now: DateTime<Utc>,
    limit: u32,
) -> sqlx::Result<u64> {
    // An item whose points were submitted is claimed, also while they wait for their signatures.
    let found = sqlx::query(
        "SELECT id FROM orders
         WHERE status = 'paid' AND paid_day < $1 AND EXISTS (
             SELECT 1 FROM order_items WHERE order_id = orders.id AND NOT EXISTS (
                 SELECT 1 FROM credentials WHERE item_id = order_items.id))
         LIMIT $2",
    )
    .bind(before.to_string())
    .bind(i64::from(limit))
    .fetch_all(&mut *tx)
    .await?;
    for row in &found {
        let order = orders::find(tx, rows::id(row, "id")?).await?;
        let order = order.ok_or_else(|| rows::unreadable("id"))?;
        write_off(tx, &order, now).await?;
    }
    Ok(found.len() as u64)
}

async fn write_off(tx: &mut Connection, order: &Order, now: DateTime<Utc>) -> sqlx::Result<()> {
    let submitted = credentials::of_order(tx, order.id).await?;
    let is_claimed = |item: &&Item| submitted.iter().any(|one| one.item == item.id);
    let (claimed, unclaimed): (Vec<_>, Vec<_>) = order.items.iter().partition(is_claimed);
    let transfers = transfers::of_order(tx, order.id).await?;
    let paid_by = transfers
        .iter()
        .rfind(|transfer| transfer.status == TransferStatus::Completed);
    for item in unclaimed {
        credentials::close(tx, order.id, item).await?;
        surplus::insert(tx, &unclaimed_surplus(order, item, paid_by, now), None).await?;
        figures::write_off(tx, order.funding_source, item).await?;
    }
    if claimed.is_empty() {
        orders::set_status(tx, order.id, OrderStatus::Canceled, now).await
    } else {
        credentials::fulfil_when_complete(tx, order.id, now).await
    }
}

/// What is owed to whoever paid for an item. An order may be paid by several transfers: its last one says
/// where to return money to.
fn unclaimed_surplus(
    order: &Order,
    item: &Item,
    paid_by: Option<&Transfer>,
    now: DateTime<Utc>,
) -> Surplus {
    Surplus {
        id: Uuid::new_v4(),
        order_id: order.id,
        custodian: paid_by.map(|transfer| transfer.custodian),
        external_id: paid_by.and_then(|transfer| transfer.external_id.clone()),
        reason: "unclaimed".to_owned(),
        currency: order.currency.clone(),
        amount: item.subtotal,
        day: now.date_naive(),
    }
}
