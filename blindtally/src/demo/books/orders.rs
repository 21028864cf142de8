//! payments' orders database.

use std::collections::BTreeMap;

use anyhow::Context as _;
use messages::{FundingSource, money::Amount};
use sqlx::Row as _;

use super::votes::open;
use crate::{demo::BySource, system::Layout};

/// What was sold.
#[derive(Debug, Default)]
pub(in crate::demo) struct Orders {
    /// Orders that became paid.
    pub(in crate::demo) paid: u64,
    /// What they were worth.
    pub(in crate::demo) received: BySource<Amount>,
    /// How many tokens they bought.
    pub(in crate::demo) sold: BySource<u64>,
}

pub(super) async fn read(layout: &Layout) -> anyhow::Result<Orders> {
    let database = open(layout, "payments-orders.db").await?;
    let paid: i64 = sqlx::query_scalar("SELECT COALESCE(SUM(orders), 0) FROM paid_day_orders")
        .fetch_one(&database)
        .await?;
    let rows = sqlx::query("SELECT source, received, votes_sold FROM funds_totals")
        .fetch_all(&database)
        .await?;
    let mut orders = Orders {
        paid: u64::try_from(paid)?,
        received: BTreeMap::new(),
        sold: BTreeMap::new(),
    };
    for row in rows {
        let source: FundingSource = row.try_get::<String, _>("source")?.parse()?;
        let received: Amount = row.try_get::<String, _>("received")?.parse()?;
        let sum = orders.received.entry(source).or_default();
        *sum = sum
            .checked_add(received)
            .context("more money than there is")?;
        *orders.sold.entry(source).or_default() +=
            u64::try_from(row.try_get::<i64, _>("votes_sold")?)?;
    }
    Ok(orders)
}
