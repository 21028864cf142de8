//! A service of nothing but an outbox, for the tests of this folder.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use super::{Outbox, Row, SqliteOutbox, as_it_stands, contract, sqlite};
use crate::{db::Sqlite, event_log::EventLog, lease};

pub(super) const TOPIC: &str = "test.outbox";

pub(super) struct Service {
    pub(super) dir: tempfile::TempDir,
    pub(super) db: Sqlite,
}

impl Service {
    pub(super) async fn start() -> Self {
        let tables = [lease::sqlite::TABLE, sqlite::TABLES, sqlite::SLOTS].join("\n");
        let sql = sqlx::SqlSafeStr::into_sql_str(sqlx::AssertSqlSafe(tables));
        let migration = Migration::new(1, "outbox".into(), MigrationType::Simple, sql, false);
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("service.db").display());
        let migrator = Migrator::with_migrations(vec![migration]);
        let db = Sqlite::open(&url, &migrator).await.unwrap();
        Self { dir, db }
    }

    /// The event log in the file `name`, with the topic.
    pub(super) async fn log(&self, name: &str) -> Arc<dyn EventLog> {
        let url = format!("embedded:{}", self.dir.path().join(name).display());
        let log = crate::event_log::open(&url, &crate::event_log::Access::default())
            .await
            .unwrap();
        let settings = crate::event_log::TopicSettings {
            partitions: 2,
            retention: chrono::TimeDelta::days(30),
        };
        log.ensure_topic(TOPIC, settings).await.unwrap();
        log
    }
}

#[async_trait]
impl contract::Fixture for Service {
    fn outbox(&self) -> Arc<dyn Outbox> {
        Arc::new(SqliteOutbox::new(self.db.clone(), as_it_stands()))
    }

    async fn write(&self, n: u64) {
        let row = Row {
            id: contract::id(n),
            topic: TOPIC.to_owned(),
            key: (n % 5).to_be_bytes().to_vec(),
            value: contract::value(n),
        };
        let mut tx = self.db.begin().await.unwrap();
        assert!(sqlite::insert(&mut tx, &row).await.unwrap());
        tx.commit().await.unwrap();
    }
}
