//! What orders add up to.

use async_trait::async_trait;
use chrono::NaiveDate;
use messages::KeyId;
use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};

use super::{SqliteOrders, rows};
use crate::{domain::funds::FundsTotal, store::figures::Figures};

#[async_trait]
impl Figures for SqliteOrders {
    async fn orders_signed_by_day(&self) -> sqlx::Result<Vec<(KeyId, NaiveDate, u64)>> {
        let found =
            sqlx::query("SELECT key_id, day, orders FROM key_day_orders ORDER BY key_id, day")
                .fetch_all(self.db.readers())
                .await?;
        let counted = |row: &SqliteRow| {
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
            "SELECT day, orders FROM paid_day_orders WHERE day BETWEEN ? AND ? ORDER BY day",
        )
        .bind(from.to_string())
        .bind(to.to_string())
        .fetch_all(self.db.readers())
        .await?;
        let counted = |row: &SqliteRow| Ok((rows::day(row, "day")?, rows::number(row, "orders")?));
        found.iter().map(counted).collect()
    }
}

pub(super) async fn funds_totals(tx: &mut SqliteConnection) -> sqlx::Result<Vec<FundsTotal>> {
    let found = sqlx::query("SELECT * FROM funds_totals ORDER BY source, value")
        .fetch_all(tx)
        .await?;
    let total = |row: &SqliteRow| {
        Ok(FundsTotal {
            source: rows::text(row, "source")?,
            value: rows::amount(row, "value")?,
            currency: row.try_get("currency")?,
            received: rows::amount(row, "received")?,
            votes_sold: rows::number(row, "votes_sold")?,
        })
    };
    found.iter().map(total).collect()
}
