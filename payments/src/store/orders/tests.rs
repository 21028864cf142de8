//! The suite on SQLite, and what only SQLite has to show.

use std::sync::Arc;

use service_kit::outbox::Outbox;

use super::{SqliteOrders, contract};
use crate::store::publications::SqlitePublications;

impl contract::Whole for SqliteOrders {
    fn outbox(&self) -> Box<dyn Outbox> {
        Box::new(SqlitePublications::new(self.db().clone()).outbox())
    }
}

async fn open(folder: &tempfile::TempDir) -> SqliteOrders {
    let url = format!("sqlite:{}", folder.path().join("orders.db").display());
    SqliteOrders::open(&url).await.unwrap()
}

macro_rules! on_sqlite {
    ($name:ident) => {
        #[tokio::test]
        async fn $name() {
            let folder = tempfile::tempdir().unwrap();
            let store = open(&folder).await;
            contract::$name(Arc::new(store)).await;
        }
    };
}

contract::for_each_test!(on_sqlite);

#[tokio::test]
async fn what_was_stored_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(open(&folder).await);
    contract::a_transfer_pays_an_order_and_is_counted_once(store.clone()).await;
    store.db().close().await;

    let again = open(&folder).await;

    let report = super::Store::report(&again).await.unwrap();
    assert_eq!(report.orders, [("paid".to_owned(), 1)]);
    again.check().await.unwrap();
}

#[tokio::test]
async fn no_column_holds_a_time_finer_than_an_hour() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    let schema: Vec<String> =
        sqlx::query_scalar("SELECT name FROM pragma_table_info('orders') WHERE type = 'INTEGER'")
            .fetch_all(store.db().readers())
            .await
            .unwrap();

    let timelike = |name: &&String| !["references_used", "has_transfers"].contains(&name.as_str());
    assert!(
        schema
            .iter()
            .filter(timelike)
            .all(|name| name.ends_with("_hour")),
        "{schema:?}"
    );
}
