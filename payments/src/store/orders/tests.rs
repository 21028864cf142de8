//! What only SQLite has to show, and what no engine may.

use std::sync::Arc;

use chrono::DateTime;
use messages::money::Amount;
use uuid::Uuid;

use super::{NewTransfer, SqliteOrders, contract};
use crate::{
    domain::transfer::{Custodian, Transfer, TransferStatus},
    store::orders::OrdersDatabase as _,
};

async fn open(folder: &tempfile::TempDir) -> SqliteOrders {
    let url = format!("sqlite:{}", folder.path().join("orders.db").display());
    SqliteOrders::open(&url).await.unwrap()
}

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

#[test]
fn debug_of_a_transfer_does_not_show_whose_it_is() {
    let transfer = Transfer {
        id: Uuid::max(),
        order_id: Uuid::max(),
        custodian: Custodian::Uphold,
        external_id: Some("external".to_owned()),
        payment_id: Some(Uuid::max()),
        status: TransferStatus::Completed,
        currency: "BAT".to_owned(),
        amount: Amount::ONE,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
    };
    let new = NewTransfer {
        transfer,
        names: vec![[7; 32]],
        reference: Some(1),
        card_amount: None,
        transfers_max: 100,
    };

    assert_eq!(
        format!("{new:?}"),
        "NewTransfer { transfer: Transfer { custodian: Uphold, status: Completed, .. }, names: 1, .. }"
    );
}
