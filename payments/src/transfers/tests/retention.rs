//! What is deleted is gone from the file, too, whoever reads it meanwhile.

use sqlx::Connection as _;

use super::*;
use crate::{config::Retention, jobs::retention::RetentionJob};

const KEPT: Retention = Retention {
    unpaid_order_hours: 24,
    partly_paid_order_days: 30,
    unclaimed_order_days: 90,
    credential_retention_days: 30,
    order_retention_days: 400,
    idempotency_hours: 24,
};

#[tokio::test]
async fn what_a_backup_kept_from_being_forgotten_is_forgotten_in_the_next_turn() {
    let mut world = World::start().await;
    let order = world.wallet_order(0x0BAD_CAFE_0BAD_CAFE_0BAD_CAFE).await;
    let path = world.folder.path().join("orders.db");
    let holds = || {
        let mut files = std::fs::read_dir(path.parent().unwrap()).unwrap();
        let needle = order.id.as_bytes();
        files.any(|file| {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            bytes.windows(needle.len()).any(|bytes| bytes == needle)
        })
    };
    assert!(holds(), "the test sees what is there");
    let job = RetentionJob {
        transfers: world.transfers.clone(),
        kept: KEPT,
    };
    world.simulation.run_for(TimeDelta::days(2)).await;
    let url = format!("sqlite:{}", path.display());
    let mut backup = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let mut reading = backup.begin().await.unwrap();
    let read = "SELECT count(*) FROM orders";
    sqlx::query(read).fetch_one(&mut *reading).await.unwrap();

    assert!(job.run_once().await.is_err());
    let stored = world.transfers.store.order(order.id).await.unwrap();
    assert_eq!(stored, None);
    assert!(holds(), "the backup still reads it");

    reading.rollback().await.unwrap();
    job.run_once().await.unwrap();
    assert!(!holds());
}
