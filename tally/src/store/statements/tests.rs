//! The suite on an engine, and what is done behind the program's back.

use chrono::NaiveDate;
use sqlx::AssertSqlSafe;

use super::{
    super::tests::{ONE_UNIT, store},
    *,
};
use crate::{
    domain::HeadKey,
    store::{Books as _, Reports as _, contract},
    verify::{NotVerified, verify},
};

macro_rules! passes {
    ($($case:ident)*) => {$(
        #[tokio::test]
        async fn $case() {
            let (_dir, store) = store().await;
            contract::$case(&store).await;
        }
    )*};
}

contract::for_each_case!(passes);

mod outbox {
    //! The tables of the outbox are those that the kit expects.

    use async_trait::async_trait;
    use service_kit::outbox::{Row, contract};

    use super::*;

    #[async_trait]
    impl contract::Fixture for TableStore {
        fn outbox(&self) -> Arc<dyn Outbox> {
            Store::outbox(self)
        }

        async fn write(&self, n: u64) {
            let row = Row {
                id: contract::id(n),
                topic: "test".to_owned(),
                key: Vec::new(),
                value: contract::value(n),
            };
            let mut tx = self.db.begin().await.unwrap();
            assert!(insert(&mut tx, &row).await.unwrap());
            tx.commit().await.unwrap();
        }
    }

    macro_rules! passes {
        ($($case:ident)*) => {$(
            #[tokio::test]
            async fn $case() {
                let (_dir, store) = store().await;
                contract::$case(&store).await;
            }
        )*};
    }

    contract::for_each_case!(passes);
}

/// Whoever can write to the database changes the past, and even makes the chain fit again.
#[tokio::test]
async fn what_is_changed_behind_the_programs_back_is_found() {
    let key = HeadKey::from_bytes(&[5; 32]);
    let tampering = [
        "UPDATE ledger_entry SET amount = {ONE} WHERE position = 0",
        "UPDATE ledger_entry SET credit = 'publisher:example.org' WHERE position = 1",
        "UPDATE ledger_entry SET day = '2026-01-01' WHERE position = 0",
        "UPDATE ledger_entry SET memo = 'other' WHERE position = 2",
        "DELETE FROM ledger_entry WHERE position = 3",
        "DELETE FROM ledger_entry WHERE position = 0",
        "UPDATE account SET balance = {ONE} WHERE name = 'fees'",
        "UPDATE ledger_head SET size = size - 1",
        "UPDATE ledger_head SET hash = public_key",
        "UPDATE payout SET votes = votes + 1 WHERE channel = 'example.com'",
        "UPDATE payout SET amount = {ONE} WHERE channel = 'example.com'",
        "UPDATE payout SET channel = 'example.net' WHERE channel = 'example.com'",
        "DELETE FROM payout WHERE channel = 'example.com'",
        "UPDATE closing SET fee = {ONE}",
    ];
    for sql in tampering {
        let sql = sql.replace("{ONE}", ONE_UNIT);
        let (_dir, store) = store().await;
        contract::a_closing_is_exact_and_happens_once(&store).await;
        verify(&store, &key.public_key(), &[]).await.unwrap();

        let mut tx = store.db.begin().await.unwrap();
        let changed = sqlx::query(AssertSqlSafe(sql.as_str()))
            .execute(&mut *tx)
            .await
            .unwrap();
        assert_eq!(changed.rows_affected(), 1, "{sql}");
        tx.commit().await.unwrap();

        assert!(
            verify(&store, &key.public_key(), &[]).await.is_err(),
            "{sql}"
        );
    }
}

/// Whoever can have the program book twice, or book money that nobody paid.
#[tokio::test]
async fn what_is_booked_beside_closings_and_records_of_funds_is_found() {
    let key = HeadKey::from_bytes(&[5; 32]);
    let today: NaiveDate = "2026-02-05".parse().unwrap();
    let (_dir, original) = store().await;
    contract::a_closing_is_exact_and_happens_once(&original).await;
    let entries = original.entries(0, 10).await.unwrap();
    let payout = entries[2].transfer.clone();
    assert_eq!(payout.credit.to_string(), "publisher:example.com");
    let funds_again = entries[0].transfer.clone();
    assert_eq!(funds_again.debit.to_string(), "funds:user-wallet");

    for (again, found) in [(payout, "payouts"), (funds_again, "received")] {
        let (_dir, store) = store().await;
        contract::a_closing_is_exact_and_happens_once(&store).await;
        let mut tx = store.db.begin().await.unwrap();
        books::book(&mut tx, today, again).await.unwrap();
        tx.commit().await.unwrap();

        let error = verify(&store, &key.public_key(), &[]).await.unwrap_err();

        assert!(error.to_string().contains(found), "{error}");
    }
}

/// A ledger that was written anew from its beginning is consistent in itself: only a head that was
/// kept elsewhere tells (threat T15).
#[tokio::test]
async fn a_ledger_written_anew_is_found_by_a_head_that_was_kept() {
    let key = HeadKey::from_bytes(&[5; 32]);
    let (_dir, original) = store().await;
    contract::a_closing_is_exact_and_happens_once(&original).await;
    let kept = original.head().await.unwrap().unwrap();
    let (_dir, anew) = store().await;
    contract::votes_that_do_not_fit_stay_waiting(&anew).await;

    verify(&anew, &key.public_key(), &[]).await.unwrap();
    let found = verify(&anew, &key.public_key(), &[kept]).await;

    assert!(matches!(found, Err(NotVerified::OffHead { .. })));
}

#[tokio::test]
async fn nothing_to_close_before_anything_happened() {
    let (_dir, store) = store().await;

    let state = store.closing_state().await.unwrap();

    assert_eq!(state.next, None);
    let today: NaiveDate = "2026-02-04".parse().unwrap();
    assert!(
        store
            .sign_head(today, &HeadKey::from_bytes(&[5; 32]), "t")
            .await
            .unwrap()
    );
}
