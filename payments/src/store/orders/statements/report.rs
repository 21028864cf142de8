//! What an operator sees.

use sqlx::{AssertSqlSafe, Row as _};

use super::{Connection, EngineRow, figures, rows, surplus, transfers};
use crate::store::orders::Report;

pub(super) async fn report(tx: &mut Connection) -> sqlx::Result<Report> {
    Ok(Report {
        orders: counted(tx, "orders", "status").await?,
        transfers: counted(tx, "transfers", "status").await?,
        credentials: counted(tx, "credentials", "state").await?,
        funds: figures::funds_totals(tx).await?,
        surplus: surplus::list(tx).await?,
        unresolved: transfers::unresolved(tx).await?,
    })
}

async fn counted(
    tx: &mut Connection,
    table: &'static str,
    column: &'static str,
) -> sqlx::Result<Vec<(String, u64)>> {
    let query = format!(
        "SELECT {column} AS name, count(*) AS counted FROM {table} GROUP BY {column} ORDER BY {column}"
    );
    let found = sqlx::query(AssertSqlSafe(query)).fetch_all(tx).await?;
    let one = |row: &EngineRow| Ok((row.try_get("name")?, rows::number(row, "counted")?));
    found.iter().map(one).collect()
}
