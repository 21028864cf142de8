//! What orders add up to.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use messages::{FundingSource, KeyId};
use service_kit::outbox::Row;
use sqlx::Row as _;

use super::{Connection, EngineRow, TableOrders, insert, rows};
use crate::{
    domain::{
        funds::{FundsTotal, Statement},
        order::{Item, Order},
    },
    store::figures::Figures,
};

#[async_trait]
impl Figures for TableOrders {
    async fn orders_signed_by_day(&self) -> sqlx::Result<Vec<(KeyId, NaiveDate, u64)>> {
        let found =
            sqlx::query("SELECT key_id, day, orders FROM key_day_orders ORDER BY key_id, day")
                .fetch_all(self.db.readers())
                .await?;
        let counted = |row: &EngineRow| {
            let key = rows::fixed::<16>(row, "key_id")?;
            let day = rows::day(row, "day")?;
            Ok((KeyId::from_bytes(key.0), day, rows::number(row, "orders")?))
        };
        found.iter().map(counted).collect()
    }

    async fn funds_totals(&self) -> sqlx::Result<Vec<FundsTotal>> {
        let mut tx = self.db.begin_read().await?;
        funds_totals(&mut tx).await
    }

    async fn orders_paid_by_day(
        &self,
        from: NaiveDate,
        to: NaiveDate,
    ) -> sqlx::Result<Vec<(NaiveDate, u64)>> {
        let found = sqlx::query(
            "SELECT day, orders FROM paid_day_orders WHERE day BETWEEN $1 AND $2 ORDER BY day",
        )
        .bind(from.to_string())
        .bind(to.to_string())
        .fetch_all(self.db.readers())
        .await?;
        let counted = |row: &EngineRow| Ok((rows::day(row, "day")?, rows::number(row, "orders")?));
        found.iter().map(counted).collect()
    }

    async fn last_funds_day(&self) -> sqlx::Result<Option<NaiveDate>> {
        let row = sqlx::query("SELECT day FROM funds_day")
            .fetch_optional(self.db.readers())
            .await?;
        row.as_ref().map(|row| rows::day(row, "day")).transpose()
    }

    async fn append_funds(
        &self,
        day: NaiveDate,
        statements: &[Statement],
        rows: &[Row],
    ) -> sqlx::Result<bool> {
        let mut tx = self.db.begin().await?;
        // Days as YYYY-MM-DD are in order as text.
        let moved = sqlx::query(
            "INSERT INTO funds_day (one, day) VALUES (0, $1)
             ON CONFLICT (one) DO UPDATE SET day = $1 WHERE funds_day.day < $1",
        )
        .bind(day.to_string())
        .execute(&mut *tx)
        .await?;
        if moved.rows_affected() == 0 {
            return Ok(false);
        }
        for statement in statements {
            if !take_off(&mut tx, statement).await? {
                return Ok(false);
            }
        }
        for row in rows {
            insert(&mut tx, row).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn restate_funds(&self, total: &FundsTotal, row: &Row) -> sqlx::Result<bool> {
        let mut tx = self.db.begin().await?;
        sqlx::query(
            "INSERT INTO funds_totals (source, value, currency, received, votes_sold, votes_published)
             VALUES ($1, $2, $3, $4, $5, $5)
             ON CONFLICT (source, value)
             DO UPDATE SET received = $4, votes_sold = $5, votes_published = $5",
        )
        .bind(total.source.as_str())
        .bind(total.value.to_string())
        .bind(&total.currency)
        .bind(total.received.to_string())
        .bind(rows::integer(total.votes_sold)?)
        .execute(&mut *tx)
        .await?;
        sqlx::query("DELETE FROM outbox WHERE id = $1 AND position IS NULL")
            .bind(row.id.as_slice())
            .execute(&mut *tx)
            .await?;
        if !insert(&mut tx, row).await? {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }
}

/// Makes the totals those that a statement says: `false` if it was made from others.
async fn take_off(tx: &mut Connection, statement: &Statement) -> sqlx::Result<bool> {
    let (source, value) = (statement.source.as_str(), statement.value.to_string());
    let row = sqlx::query("SELECT * FROM funds_totals WHERE source = $1 AND value = $2")
        .bind(source)
        .bind(&value)
        .fetch_optional(&mut *tx)
        .await?;
    let before = row.as_ref().map(total).transpose()?;
    let before = before.ok_or_else(|| rows::unreadable("funds_totals.source"))?;
    // More may have been sold and written off since it was made, but no other record may have been made.
    if before.votes_published != statement.votes_before {
        return Ok(false);
    }
    let money = statement.value.times(statement.votes_set_off);
    let received = money.and_then(|money| before.received.checked_sub(money));
    let received = received.ok_or_else(|| rows::unreadable("funds_totals.received"))?;
    sqlx::query(
        "UPDATE funds_totals SET received = $3, votes_sold = votes_sold - $4,
             votes_to_set_off = votes_to_set_off - $4, votes_published = $5
         WHERE source = $1 AND value = $2",
    )
    .bind(source)
    .bind(&value)
    .bind(received.to_string())
    .bind(rows::integer(statement.votes_set_off)?)
    .bind(rows::integer(statement.votes_sold)?)
    .execute(tx)
    .await?;
    Ok(true)
}

pub(super) async fn funds_totals(tx: &mut Connection) -> sqlx::Result<Vec<FundsTotal>> {
    let found = sqlx::query("SELECT * FROM funds_totals ORDER BY source, value")
        .fetch_all(tx)
        .await?;
    found.iter().map(total).collect()
}

fn total(row: &EngineRow) -> sqlx::Result<FundsTotal> {
    Ok(FundsTotal {
        source: rows::text(row, "source")?,
        value: rows::amount(row, "value")?,
        currency: row.try_get("currency")?,
        received: rows::amount(row, "received")?,
        votes_sold: rows::number(row, "votes_sold")?,
        votes_published: rows::number(row, "votes_published")?,
        votes_to_set_off: rows::number(row, "votes_to_set_off")?,
    })
}

/// Counts an order that has just become paid.
pub(super) async fn count_paid(
    tx: &mut Connection,
    order: &Order,
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO paid_day_orders (day, orders) VALUES ($1, 1)
         ON CONFLICT (day) DO UPDATE SET orders = paid_day_orders.orders + 1",
    )
    .bind(now.date_naive().to_string())
    .execute(&mut *tx)
    .await?;
    for item in &order.items {
        let (source, value) = (order.funding_source.as_str(), item.price.to_string());
        let row = sqlx::query("SELECT received FROM funds_totals WHERE source = $1 AND value = $2")
            .bind(source)
            .bind(&value)
            .fetch_optional(&mut *tx)
            .await?;
        let received = row
            .as_ref()
            .map(|row| rows::amount(row, "received"))
            .transpose()?;
        let received = received.unwrap_or_default().checked_add(item.subtotal);
        let received = received.ok_or_else(|| rows::unreadable("received"))?;
        sqlx::query(
            "INSERT INTO funds_totals (source, value, currency, received, votes_sold)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (source, value)
             DO UPDATE SET received = $4, votes_sold = funds_totals.votes_sold + $5",
        )
        .bind(source)
        .bind(&value)
        .bind(&order.currency)
        .bind(received.to_string())
        .bind(i64::from(item.quantity))
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Notes that an item's votes will never be signed: the next records take them off the totals.
pub(super) async fn write_off(
    tx: &mut Connection,
    source: FundingSource,
    item: &Item,
) -> sqlx::Result<()> {
    let noted = sqlx::query(
        "UPDATE funds_totals SET votes_to_set_off = votes_to_set_off + $3
         WHERE source = $1 AND value = $2",
    )
    .bind(source.as_str())
    .bind(item.price.to_string())
    .bind(i64::from(item.quantity))
    .execute(tx)
    .await?;
    match noted.rows_affected() {
        1 => Ok(()),
        _ => Err(rows::unreadable("funds_totals.votes_sold")),
    }
}
