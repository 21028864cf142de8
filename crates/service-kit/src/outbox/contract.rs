//! What every outbox must do, as one suite: each engine's tests run all of [`for_each_case`].

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::NaiveDate;

use super::{Outbox, OutboxError, ROW_ID_BYTES, Shuffle};
use crate::lease::{Claim, Holder, Lease};

/// A database with an empty outbox.
#[async_trait]
pub trait Fixture: Sync {
    /// The outbox.
    fn outbox(&self) -> Arc<dyn Outbox>;

    /// Writes the row number `n`, whose record has the value [`value`]`(n)`.
    async fn write(&self, n: u64);
}

/// The value of the record that row number `n` becomes, unless the fixture's form is another.
pub fn value(n: u64) -> Vec<u8> {
    n.to_be_bytes().to_vec()
}

/// The id of row number `n`.
pub fn id(n: u64) -> [u8; ROW_ID_BYTES] {
    let mut id = [0; ROW_ID_BYTES];
    for (byte, of) in id.iter_mut().rev().zip(n.to_le_bytes()) {
        *byte = of;
    }
    id
}

/// Calls `$run!` with the names of all cases.
#[macro_export]
macro_rules! outbox_contract_cases {
    ($run:ident) => {
        $run! {
            a_fresh_outbox_is_empty
            a_lease_is_one_relays_until_it_expires_or_is_given_back
            a_lease_from_a_clock_that_was_ahead_holds_nobody_up
            a_lost_lease_writes_nothing
            a_new_generation_keeps_what_was_not_published
            a_slot_is_remembered_with_what_is_due_of_it
            positions_are_consecutive_and_go_to_waiting_rows_once
            positions_are_shuffled
            unless_rows_are_shuffled_the_lowest_ids_go_first
            published_rows_are_deleted_and_no_others
        }
    };
}
pub use crate::outbox_contract_cases as for_each_case;

async fn lease(outbox: &dyn Outbox) -> Lease {
    let claim = Claim::now(Holder::random(), Duration::from_mins(1));
    let lease = outbox.take_lease(claim).await.expect("answers");
    lease.expect("nobody else has it")
}

async fn written(fixture: &dyn Fixture, rows: std::ops::Range<u64>) -> Arc<dyn Outbox> {
    for n in rows {
        fixture.write(n).await;
    }
    fixture.outbox()
}

async fn values(outbox: &dyn Outbox, from: u64, limit: u32) -> Vec<Vec<u8>> {
    let today = NaiveDate::from_ymd_opt(2026, 1, 1).expect("is a day");
    let records = outbox
        .positioned(from, limit, today)
        .await
        .expect("answers");
    records.into_iter().map(|record| record.value).collect()
}

#[expect(missing_docs, reason = "the names are sentences")]
mod cases {
    use super::{
        BTreeSet, Claim, Fixture, Holder, Lease, Outbox, OutboxError, Shuffle, lease, value,
        values, written,
    };

    pub async fn a_fresh_outbox_is_empty(fixture: &dyn Fixture) {
        let state = fixture.outbox().state().await.expect("answers");

        assert_eq!((state.counter, state.lowest, state.waiting), (0, None, 0));
    }

    pub async fn positions_are_consecutive_and_go_to_waiting_rows_once(fixture: &dyn Fixture) {
        let outbox = written(fixture, 0..5).await;
        let lease = lease(&*outbox).await;

        let first = outbox
            .position_waiting(&lease, 3, Shuffle::Random)
            .await
            .expect("answers");
        let state = outbox.state().await.expect("answers");
        assert_eq!(
            (first, state.counter, state.lowest, state.waiting),
            (3, 3, Some(0), 2)
        );

        let rest = outbox
            .position_waiting(&lease, 10, Shuffle::Random)
            .await
            .expect("answers");
        let none = outbox
            .position_waiting(&lease, 10, Shuffle::Random)
            .await
            .expect("answers");
        assert_eq!((rest, none), (2, 0));

        let all = values(&*outbox, 0, 10).await;
        let distinct: BTreeSet<_> = all.iter().collect();
        assert_eq!((all.len(), distinct.len()), (5, 5));
        assert_eq!(
            values(&*outbox, 1, 2).await,
            all.get(1..3).expect("has five")
        );
    }

    pub async fn a_slot_is_remembered_with_what_is_due_of_it(fixture: &dyn Fixture) {
        let outbox = written(fixture, 0..5).await;
        let lease = lease(&*outbox).await;
        let state = outbox.state().await.expect("answers");
        assert_eq!((state.slot, state.due), (None, 0));
        let slot = "2026-01-01T18:10:00Z".parse().expect("is a time");

        outbox.begin_slot(&lease, slot, 4).await.expect("answers");

        for (limit, due) in [(3, 1), (2, 0)] {
            outbox
                .position_waiting(&lease, limit, Shuffle::Random)
                .await
                .expect("answers");
            let state = outbox.state().await.expect("answers");
            assert_eq!((state.slot, state.due), (Some(slot), due));
        }
    }

    pub async fn positions_are_shuffled(fixture: &dyn Fixture) {
        let outbox = written(fixture, 0..64).await;
        let lease = lease(&*outbox).await;

        outbox
            .position_waiting(&lease, 64, Shuffle::Random)
            .await
            .expect("answers");

        // By chance once in 64! runs: the order in which they were written.
        let order = values(&*outbox, 0, 64).await;
        assert!(
            !order.is_sorted(),
            "neither the order of writing nor that of ids"
        );
    }

    pub async fn unless_rows_are_shuffled_the_lowest_ids_go_first(fixture: &dyn Fixture) {
        for n in (0..64).rev() {
            fixture.write(n).await;
        }
        let outbox = fixture.outbox();
        let lease = lease(&*outbox).await;

        for limit in [20, 20, 24] {
            let taken = outbox.position_waiting(&lease, limit, Shuffle::Off).await;
            assert_eq!(taken.expect("answers"), limit);
        }

        let order = values(&*outbox, 0, 64).await;
        let expected: Vec<_> = (0..64).map(value).collect();
        assert_eq!(order, expected);
    }

    pub async fn published_rows_are_deleted_and_no_others(fixture: &dyn Fixture) {
        let outbox = written(fixture, 0..4).await;
        let lease = lease(&*outbox).await;
        outbox
            .position_waiting(&lease, 4, Shuffle::Random)
            .await
            .expect("answers");
        fixture.write(4).await;

        outbox.delete_published(&lease, 3).await.expect("answers");

        let state = outbox.state().await.expect("answers");
        assert_eq!(
            (state.counter, state.lowest, state.waiting),
            (4, Some(3), 1)
        );
    }

    pub async fn a_lease_is_one_relays_until_it_expires_or_is_given_back(fixture: &dyn Fixture) {
        let outbox = fixture.outbox();
        let (mine, theirs) = (Holder::random(), Holder::random());
        let claim = |holder, now_ms| Claim {
            holder,
            now_ms,
            until_ms: now_ms + 100,
        };
        let take = async |holder, now_ms| {
            let taken = outbox.take_lease(claim(holder, now_ms)).await;
            taken.expect("answers").map(|lease| lease.epoch)
        };

        assert_eq!(take(mine, 1_000).await, Some(1));
        assert_eq!(take(theirs, 1_099).await, None);
        assert_eq!(take(mine, 1_099).await, Some(1), "renewed, the epoch stays");
        assert_eq!(take(theirs, 1_199).await, Some(2), "expired");
        assert_eq!(take(mine, 1_200).await, None);

        let current = Lease {
            epoch: 2,
            ..lease_named(&*outbox, theirs).await
        };
        outbox.release_lease(&current).await.expect("answers");
        assert_eq!(take(mine, 1_201).await, Some(3), "given back");
    }

    pub async fn a_lease_from_a_clock_that_was_ahead_holds_nobody_up(fixture: &dyn Fixture) {
        let outbox = fixture.outbox();
        let take = async |holder, now_ms| {
            let claim = Claim {
                holder,
                now_ms,
                until_ms: now_ms + 100,
            };
            let taken = outbox.take_lease(claim).await.expect("answers");
            taken.map(|lease| lease.epoch)
        };
        assert_eq!(take(Holder::random(), 9_000_000).await, Some(1));

        let (little, much) = (8_999_900, 1_000);
        assert_eq!(take(Holder::random(), little).await, None, "clocks differ");
        assert_eq!(take(Holder::random(), much).await, Some(2), "hours");
    }

    async fn lease_named(outbox: &dyn Outbox, holder: Holder) -> Lease {
        let claim = Claim {
            holder,
            now_ms: 1_200,
            until_ms: 1_300,
        };
        outbox
            .take_lease(claim)
            .await
            .expect("answers")
            .expect("is theirs")
    }

    pub async fn a_lost_lease_writes_nothing(fixture: &dyn Fixture) {
        let outbox = written(fixture, 0..4).await;
        let old = lease(&*outbox).await;
        outbox
            .position_waiting(&old, 2, Shuffle::Random)
            .await
            .expect("answers");
        outbox.release_lease(&old).await.expect("answers");
        let _new = lease(&*outbox).await;
        let before = outbox.state().await.expect("answers");

        let positioned = outbox.position_waiting(&old, 2, Shuffle::Random).await;
        let deleted = outbox.delete_published(&old, 2).await;
        let begun = outbox
            .begin_slot(&old, chrono::DateTime::UNIX_EPOCH, 2)
            .await;
        let renewed = outbox.renew_generation(&old, 0).await;

        assert!(matches!(positioned, Err(OutboxError::LeaseLost(_))));
        assert!(matches!(deleted, Err(OutboxError::LeaseLost(_))));
        assert!(matches!(begun, Err(OutboxError::LeaseLost(_))));
        assert!(matches!(renewed, Err(OutboxError::LeaseLost(_))));
        assert_eq!(outbox.state().await.expect("answers"), before);
    }

    pub async fn a_new_generation_keeps_what_was_not_published(fixture: &dyn Fixture) {
        let outbox = written(fixture, 0..4).await;
        let lease = lease(&*outbox).await;
        outbox
            .position_waiting(&lease, 3, Shuffle::Random)
            .await
            .expect("answers");
        let before = outbox.state().await.expect("answers");

        outbox.renew_generation(&lease, 2).await.expect("answers");

        let after = outbox.state().await.expect("answers");
        assert_ne!(after.generation, before.generation);
        assert_eq!((after.counter, after.lowest, after.waiting), (0, None, 2));
    }
}
pub use cases::*;
