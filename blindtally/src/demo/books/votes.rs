//! payments' votes database.

use async_trait::async_trait;
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};

use crate::{attacks::Watch, system::Layout};

/// A database of the system, to read.
pub(super) async fn open(layout: &Layout, file: &str) -> anyhow::Result<SqlitePool> {
    let options = SqliteConnectOptions::new()
        .filename(layout.file(file))
        .read_only(true);
    let pool = SqlitePoolOptions::new().max_connections(1);
    Ok(pool.connect_with(options).await?)
}

/// What payments' votes side has written down.
#[derive(Clone, Debug)]
pub(super) struct VotesBook {
    database: SqlitePool,
}

impl VotesBook {
    pub(super) async fn open(layout: &Layout) -> anyhow::Result<Self> {
        let database = open(layout, "payments-votes.db").await?;
        Ok(Self { database })
    }

    /// Votes that were recorded. Their ids are kept for longer than the demo lasts.
    pub(super) async fn votes(&self) -> anyhow::Result<u64> {
        self.number("SELECT COUNT(*) FROM vote").await
    }

    async fn number(&self, query: &'static str) -> anyhow::Result<u64> {
        let number: i64 = sqlx::query_scalar(query).fetch_one(&self.database).await?;
        Ok(u64::try_from(number)?)
    }
}

#[async_trait]
impl Watch for VotesBook {
    async fn tokens_counted(&self) -> anyhow::Result<u64> {
        self.number("SELECT COALESCE(SUM(tokens_counted), 0) FROM key_count")
            .await
    }
}
