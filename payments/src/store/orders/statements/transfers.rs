//! Transfers, and what they do to their orders.

use chrono::{DateTime, Utc};
use messages::{money::Amount, payments::OrderStatus};
use sqlx::Row as _;
use uuid::Uuid;

use super::{Connection, EngineRow, figures, orders, rows, surplus};
use crate::{
    domain::{
        order::Order,
        transfer::{Transfer, TransferStatus, owed, settle},
    },
    store::orders::{Claim, NewTransfer, Recording},
};

/// The most unresolved transfers that one report lists.
const UNRESOLVED_MAX: i64 = 100_000;

pub(super) async fn of_order(tx: &mut Connection, order: Uuid) -> sqlx::Result<Vec<Transfer>> {
    let found =
        sqlx::query("SELECT * FROM transfers WHERE order_id = $1 ORDER BY created_hour, id")
            .bind(order.as_bytes().as_slice())
            .fetch_all(tx)
            .await?;
    found.iter().map(transfer).collect()
}

pub(super) async fn claim(
    tx: &mut Connection,
    order: Uuid,
    name: &[u8; 32],
) -> sqlx::Result<Claim> {
    let used = sqlx::query("SELECT transfer_id FROM used_transfers WHERE hash = $1")
        .bind(&name[..])
        .fetch_optional(&mut *tx)
        .await?;
    let Some(used) = used else {
        return Ok(Claim::Free);
    };
    let found = find(tx, rows::id(&used, "transfer_id")?).await?;
    Ok(match found {
        Some(own) if own.order_id == order => Claim::Own(own),
        Some(_) | None => Claim::Used,
    })
}

pub(super) async fn record(
    tx: &mut Connection,
    order: &Order,
    new: &NewTransfer,
    now: DateTime<Utc>,
) -> sqlx::Result<Recording> {
    // One name that was used is enough: the first decides whose it is.
    for name in &new.names {
        match claim(tx, order.id, name).await? {
            Claim::Free => {}
            Claim::Own(own) => return Ok(Recording::Before(own)),
            Claim::Used => return Ok(Recording::Used),
        }
    }
    let stored = if let Some(stored) = orders::find(tx, order.id).await? {
        stored
    } else {
        orders::insert(tx, order).await?;
        order.clone()
    };
    if let Some(fits) = new.card_amount {
        if new.reference != Some(stored.references_used) {
            return Ok(Recording::Stale);
        }
        let arriving = on_the_way(tx, order.id).await?;
        let pending = stored.status == OrderStatus::Pending;
        if !pending || !fits(new.transfer.amount, owed(stored.total, arriving)) {
            return Ok(Recording::NotOwed);
        }
    }
    if count(tx, order.id).await? >= new.transfers_max {
        return Ok(Recording::TooMany);
    }
    insert(tx, new).await?;
    let uses_current = new.reference == Some(stored.references_used);
    mark(tx, &stored, uses_current, now).await?;
    if new.transfer.status == TransferStatus::Completed {
        arrived(tx, &stored, &new.transfer, now).await?;
    }
    Ok(Recording::First(new.transfer.clone()))
}

pub(super) async fn move_on(
    tx: &mut Connection,
    id: Uuid,
    status: TransferStatus,
    amount: Amount,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<Transfer>> {
    let Some(before) = find(tx, id).await? else {
        return Ok(None);
    };
    if !before.status.is_open() || (before.status == status && before.amount == amount) {
        return Ok(Some(before));
    }
    sqlx::query("UPDATE transfers SET status = $1, amount = $2, updated_hour = $3 WHERE id = $4")
        .bind(status.as_str())
        .bind(amount.to_string())
        .bind(rows::hour(now))
        .bind(id.as_bytes().as_slice())
        .execute(&mut *tx)
        .await?;
    if status == TransferStatus::Completed {
        let order = orders::find(tx, before.order_id).await?;
        let order = order.ok_or_else(|| rows::unreadable("order_id"))?;
        let transfer = Transfer { amount, ..before };
        arrived(tx, &order, &transfer, now).await?;
    }
    find(tx, id).await
}

pub(super) async fn open(
    tx: &mut Connection,
    after: Option<Uuid>,
    limit: u32,
) -> sqlx::Result<Vec<Transfer>> {
    let after = after.unwrap_or(Uuid::nil());
    let found = sqlx::query(
        "SELECT transfers.* FROM transfers
         WHERE transfers.status IN ('pending', 'processing', 'quoted') AND transfers.id > $1
           AND (transfers.status = 'quoted'
                OR EXISTS (SELECT 1 FROM orders
                           WHERE orders.id = transfers.order_id AND orders.status <> 'canceled'))
         ORDER BY transfers.id LIMIT $2",
    )
    .bind(after.as_bytes().as_slice())
    .bind(i64::from(limit))
    .fetch_all(tx)
    .await?;
    found.iter().map(transfer).collect()
}

/// Open transfers of orders that wait for no money.
pub(super) async fn unresolved(tx: &mut Connection) -> sqlx::Result<Vec<Transfer>> {
    let found = sqlx::query(
        "SELECT transfers.* FROM transfers JOIN orders ON orders.id = transfers.order_id
         WHERE transfers.status IN ('pending', 'processing', 'quoted') AND orders.status <> 'pending'
         ORDER BY transfers.created_hour, transfers.id LIMIT $1",
    )
    .bind(UNRESOLVED_MAX)
    .fetch_all(tx)
    .await?;
    found.iter().map(transfer).collect()
}

async fn count(tx: &mut Connection, order: Uuid) -> sqlx::Result<u32> {
    let row = sqlx::query("SELECT count(*) AS counted FROM transfers WHERE order_id = $1")
        .bind(order.as_bytes().as_slice())
        .fetch_one(tx)
        .await?;
    rows::number(&row, "counted")
}

async fn find(tx: &mut Connection, id: Uuid) -> sqlx::Result<Option<Transfer>> {
    let row = sqlx::query("SELECT * FROM transfers WHERE id = $1")
        .bind(id.as_bytes().as_slice())
        .fetch_optional(tx)
        .await?;
    row.as_ref().map(transfer).transpose()
}

async fn insert(tx: &mut Connection, new: &NewTransfer) -> sqlx::Result<()> {
    let transfer = &new.transfer;
    for name in &new.names {
        sqlx::query("INSERT INTO used_transfers (hash, transfer_id) VALUES ($1, $2)")
            .bind(&name[..])
            .bind(transfer.id.as_bytes().as_slice())
            .execute(&mut *tx)
            .await?;
    }
    let payment = transfer.payment_id.map(|id| id.as_bytes().to_vec());
    sqlx::query(
        "INSERT INTO transfers (id, order_id, custodian, external_id, payment_id, status, currency,
                                amount, created_hour, updated_hour)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(transfer.id.as_bytes().as_slice())
    .bind(transfer.order_id.as_bytes().as_slice())
    .bind(transfer.custodian.as_str())
    .bind(&transfer.external_id)
    .bind(payment)
    .bind(transfer.status.as_str())
    .bind(&transfer.currency)
    .bind(transfer.amount.to_string())
    .bind(rows::hour(transfer.created_at))
    .bind(rows::hour(transfer.updated_at))
    .execute(tx)
    .await?;
    Ok(())
}

/// Notes that the order has a transfer, and whether its current reference is used now.
async fn mark(
    tx: &mut Connection,
    order: &Order,
    uses_current: bool,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    if !order.has_transfers {
        orders::count_unpaid(tx, -1).await?;
    }
    sqlx::query(
        "UPDATE orders SET has_transfers = 1, references_used = references_used + $1,
                           updated_hour = $2 WHERE id = $3",
    )
    .bind(i64::from(uses_current))
    .bind(rows::hour(now))
    .bind(order.id.as_bytes().as_slice())
    .execute(tx)
    .await?;
    Ok(())
}

/// The amounts of the order's transfers that have arrived or may still arrive.
async fn on_the_way(tx: &mut Connection, order: Uuid) -> sqlx::Result<Vec<Amount>> {
    let counts = |transfer: &Transfer| {
        transfer.status.is_open() || transfer.status == TransferStatus::Completed
    };
    let transfers = of_order(tx, order).await?;
    Ok(transfers
        .iter()
        .filter(|one| counts(one))
        .map(|one| one.amount)
        .collect())
}

/// Settles a transfer that has just completed and is stored as such.
async fn arrived(
    tx: &mut Connection,
    order: &Order,
    transfer: &Transfer,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    let before = of_order(tx, order.id).await?;
    let before = before
        .iter()
        .filter(|one| one.status == TransferStatus::Completed && one.id != transfer.id)
        .try_fold(Amount::ZERO, |sum, one| sum.checked_add(one.amount))
        .ok_or_else(|| rows::unreadable("amount"))?;
    let settlement = settle(order.status, order.total, before, transfer.amount);
    if settlement.pays {
        orders::set_status(tx, order.id, OrderStatus::Paid, now).await?;
        figures::count_paid(tx, order, now).await?;
    }
    if settlement.surplus.is_zero() {
        return Ok(());
    }
    let reason = if order.status == OrderStatus::Canceled {
        "late"
    } else {
        "overpaid"
    };
    surplus::note(tx, transfer, (reason, settlement.surplus), now).await
}

pub(super) fn transfer(row: &EngineRow) -> sqlx::Result<Transfer> {
    Ok(Transfer {
        id: rows::id(row, "id")?,
        order_id: rows::id(row, "order_id")?,
        custodian: rows::text(row, "custodian")?,
        external_id: row.try_get("external_id")?,
        payment_id: rows::optional_id(row, "payment_id")?,
        status: rows::text(row, "status")?,
        currency: row.try_get("currency")?,
        amount: rows::amount(row, "amount")?,
        created_at: rows::time(row, "created_hour")?,
        updated_at: rows::time(row, "updated_hour")?,
    })
}
