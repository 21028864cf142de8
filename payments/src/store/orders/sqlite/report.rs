//! What an operator sees.

use sqlx::{AssertSqlSafe, Row as _, SqliteConnection, sqlite::SqliteRow};

use super::{figures, rows};
use crate::store::orders::{Report, Surplus};

/// The most surplus rows that one report lists.
const SURPLUS_ROWS_MAX: i64 = 100_000;

pub(super) async fn report(tx: &mut SqliteConnection) -> sqlx::Result<Report> {
    Ok(Report {
        orders: counted(tx, "orders", "status").await?,
        transfers: counted(tx, "transfers", "status").await?,
        credentials: counted(tx, "credentials", "state").await?,
        funds: figures::funds_totals(tx).await?,
        surplus: surplus(tx).await?,
    })
}

async fn counted(
    tx: &mut SqliteConnection,
    table: &'static str,
    column: &'static str,
) -> sqlx::Result<Vec<(String, u64)>> {
    let query = format!(
        "SELECT {column} AS name, count(*) AS counted FROM {table} GROUP BY {column} ORDER BY {column}"
    );
    let found = sqlx::query(AssertSqlSafe(query)).fetch_all(tx).await?;
    let one = |row: &SqliteRow| Ok((row.try_get("name")?, rows::number(row, "counted")?));
    found.iter().map(one).collect()
}

async fn surplus(tx: &mut SqliteConnection) -> sqlx::Result<Vec<Surplus>> {
    let found = sqlx::query("SELECT * FROM surplus ORDER BY day, id LIMIT ?")
        .bind(SURPLUS_ROWS_MAX)
        .fetch_all(tx)
        .await?;
    let one = |row: &SqliteRow| {
        let custodian: Option<&str> = row.try_get("custodian")?;
        let custodian = custodian.map(str::parse).transpose();
        Ok(Surplus {
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
