use std::sync::Arc;

use async_trait::async_trait;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use super::super::{Outbox, PostgresOutbox, Row, as_it_stands, contract};
use crate::{
    db::{Postgres, testing},
    lease,
};

struct Service {
    db: Postgres,
}

impl Service {
    async fn start() -> Self {
        let tables = [lease::postgres::TABLE, super::TABLES, super::SLOTS].join("\n");
        let sql = sqlx::SqlSafeStr::into_sql_str(sqlx::AssertSqlSafe(tables));
        let migration = Migration::new(1, "outbox".into(), MigrationType::Simple, sql, false);
        let migrator = Migrator::with_migrations(vec![migration]);
        Self {
            db: testing::opened("main", "tally", &migrator).await,
        }
    }
}

#[async_trait]
impl contract::Fixture for Service {
    fn outbox(&self) -> Arc<dyn Outbox> {
        Arc::new(PostgresOutbox::new(self.db.clone(), as_it_stands()))
    }

    async fn write(&self, n: u64) {
        let row = Row {
            id: contract::id(n),
            topic: "test.outbox".to_owned(),
            key: Vec::new(),
            value: contract::value(n),
        };
        let mut tx = self.db.begin().await.unwrap();
        assert!(super::insert(&mut tx, &row).await.unwrap());
        tx.commit().await.unwrap();
    }
}

macro_rules! passes {
    ($($case:ident)*) => {$(
        #[tokio::test]
        async fn $case() {
            contract::$case(&Service::start().await).await;
        }
    )*};
}

contract::for_each_case!(passes);
