//! Money that pays for nothing, until an operator has returned it.

use chrono::{DateTime, Utc};
use messages::money::Amount;
use sqlx::Row as _;
use uuid::Uuid;

use super::{Connection, EngineRow, rows};
use crate::{
    domain::transfer::{Custodian, Transfer},
    store::orders::Surplus,
};

/// The most rows that one report lists.
const ROWS_MAX: i64 = 100_000;

/// Notes that all or a part of a transfer pays for nothing.
pub(super) async fn note(
    tx: &mut Connection,
    transfer: &Transfer,
    (reason, amount): (&str, Amount),
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    let row = Surplus {
        id: Uuid::new_v4(),
        order_id: transfer.order_id,
        custodian: Some(transfer.custodian),
        external_id: transfer.external_id.clone(),
        reason: reason.to_owned(),
        currency: transfer.currency.clone(),
        amount,
        day: now.date_naive(),
    };
    insert(tx, &row, Some(transfer.id)).await
}

/// Stores a row. `transfer` is the one that it is about, of which there is one row for each reason.
pub(super) async fn insert(
    tx: &mut Connection,
    surplus: &Surplus,
    transfer: Option<Uuid>,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO surplus (id, order_id, transfer_id, custodian, external_id, reason, currency,
                              amount, day)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(surplus.id.as_bytes().as_slice())
    .bind(surplus.order_id.as_bytes().as_slice())
    .bind(transfer.map(|id| id.as_bytes().to_vec()))
    .bind(surplus.custodian.map(Custodian::as_str))
    .bind(&surplus.external_id)
    .bind(&surplus.reason)
    .bind(&surplus.currency)
    .bind(surplus.amount.to_string())
    .bind(surplus.day.to_string())
    .execute(tx)
    .await?;
    Ok(())
}

/// All rows, oldest first.
pub(super) async fn list(tx: &mut Connection) -> sqlx::Result<Vec<Surplus>> {
    let found = sqlx::query("SELECT * FROM surplus ORDER BY day, id LIMIT $1")
        .bind(ROWS_MAX)
        .fetch_all(tx)
        .await?;
    let one = |row: &EngineRow| {
        let custodian: Option<&str> = row.try_get("custodian")?;
        let custodian = custodian.map(str::parse).transpose();
        Ok(Surplus {
            id: rows::id(row, "id")?,
            order_id: rows::id(row, "order_id")?,
            custodian: custodian.map_err(|_| rows::unreadable("custodian"))?,
            external_id: row.try_get("external_id")?,
            reason: row.try_get("reason")?,
            currency: row.try_get("currency")?,
            amount: rows::amount(row, "amount")?,
            day: rows::day(row, "day")?,
        })
    };
    found.iter().map(one).collect()
}

/// Forgets a row.
pub(super) async fn settle(tx: &mut Connection, id: Uuid) -> sqlx::Result<bool> {
    let deleted = sqlx::query("DELETE FROM surplus WHERE id = $1")
        .bind(id.as_bytes().as_slice())
        .execute(tx)
        .await?;
    Ok(deleted.rows_affected() > 0)
}
