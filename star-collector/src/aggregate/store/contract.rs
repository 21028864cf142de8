//! What every engine's store must do, as one suite: each engine's tests run all of [`for_each_case`].

/// Calls `$run!` with the names of all cases.
#[macro_export]
macro_rules! star_store_contract_cases {
    ($run:ident) => {
        $run! {
            a_batch_moves_the_position_and_stores_its_changes_together
            a_batch_that_was_overtaken_stores_nothing
            a_group_is_changed_by_a_later_batch
            a_partition_is_read_by_one_process_at_a_time
            an_epoch_is_dropped_page_by_page_its_groups_first
            an_epoch_without_messages_that_wait_is_one_until_its_last_row_is_gone
            an_expired_epoch_leaves_nothing_and_its_reports_stay
            another_log_is_noticed
            an_epoch_that_another_process_has_expired_is_reported_once
            epochs_beside_the_one_that_is_dropped_stay
            the_rest_of_a_label_is_reported_once
            the_oldest_epoch_of_a_topic_is_told
            an_epoch_is_closed_to_messages_before_its_rows_are_gone
            counts_of_a_label_add_up
            dead_letters_are_kept_up_to_their_number_for_each_reason
            groups_for_which_much_waits_are_dropped_one_by_one
            groups_that_are_not_open_are_dropped_whole
            messages_wait_in_the_order_they_came_until_they_are_dropped
            what_waits_of_an_epoch_is_added_up_in_each_partition
            what_waits_of_a_topic_is_added_up
            what_was_counted_is_known_in_its_epoch_alone
        }
    };
}
pub use crate::star_store_contract_cases as for_each_case;

#[expect(missing_docs, reason = "the names are sentences")]
mod cases {
    use std::time::Duration;

    use bytes::Bytes;
    use service_kit::{
        lease::{Claim, Holder},
        outbox::Row,
    };

    use crate::{
        aggregate::store::{
            Added, Changes, Claimed, Counts, DeadLetter, Dropped, GroupChange, KeptGroup,
            LabelChange, PendingChange, Rejection, Slot, Span, Store, Taken,
        },
        domain::{
            group::{GroupId, LabelId, SeenId},
            sampling::Sampling,
        },
    };

    pub(super) const TOPIC: &str = "p3a-star-enc";
    pub(super) const EPOCH: u64 = 300;

    pub(super) fn claim(holder: Holder) -> Claim {
        Claim::now(holder, Duration::from_mins(1))
    }

    pub(super) async fn claimed(store: &dyn Store, partition: u32) -> Claimed {
        let claimed = store.claim(TOPIC, partition, claim(Holder::random())).await;
        claimed.expect("answers").expect("nobody reads it")
    }

    pub(super) fn span(slot: Slot, from: u64, to: u64) -> Span {
        Span { slot, from, to }
    }

    pub(super) fn group(number: u8, waiting: &[u8]) -> GroupChange {
        GroupChange {
            id: GroupId([number; 16]),
            epoch: EPOCH,
            kept: KeptGroup {
                secret: None,
                waiting: 1,
                waiting_bytes: 7,
                tried: 0,
            },
            drop_older: false,
            waiting: waiting.to_vec(),
        }
    }

    pub(super) fn label(number: u8, added: Counts) -> LabelChange {
        LabelChange {
            id: LabelId([number; 16]),
            epoch: EPOCH,
            threshold: 50,
            path: r#"["a|ä"]"#.to_owned(),
            added,
        }
    }

    pub(super) fn row(number: u8) -> Row {
        Row {
            id: [number; 32],
            topic: "p3a-star-out".to_owned(),
            key: vec![number],
            value: b"{}".to_vec(),
        }
    }

    pub(super) fn changes() -> Changes {
        Changes {
            groups: vec![group(1, b"one"), group(2, b"")],
            labels: vec![label(3, counts(5, 3, 0))],
            pending: vec![pending(1, 0, 14)],
            seen: vec![(EPOCH, SeenId([4; 16]))],
            reports: vec![row(5)],
            dead_letters: vec![DeadLetter {
                offset: 6,
                reason: Rejection::Malformed,
                start: Bytes::from_static(b"\x00"),
            }],
        }
    }

    pub(super) fn sampling(key: u8, level: u8) -> Sampling {
        Sampling::stored([key; 32], level).expect("there is this level")
    }

    /// So many bytes more wait, in messages of ten bytes.
    pub(super) fn pending(key: u8, level: u8, bytes: i64) -> PendingChange {
        PendingChange {
            epoch: EPOCH,
            sampling: sampling(key, level),
            added: Added {
                messages: bytes / 10,
                bytes,
            },
        }
    }

    pub(super) fn counts(opened: u64, deeper: u64, reported: u64) -> Counts {
        Counts {
            opened,
            deeper,
            reported,
        }
    }

    pub(super) async fn stored(store: &dyn Store, span: Span, changes: &Changes) {
        let taken = store.store(span, changes).await.expect("answers");
        assert_eq!(taken, Taken::Stored);
    }

    /// What is kept that `changes` put there.
    pub(super) async fn kept(store: &dyn Store, slot: Slot) -> (usize, usize, usize, usize, u64) {
        let ids = [GroupId([1; 16]), GroupId([2; 16]), GroupId([9; 16])];
        let groups = store.groups(&ids).await.expect("answers");
        let waiting = store.waiting(ids[0]).await.expect("answers");
        let labels = store.labels(&[LabelId([3; 16])]).await.expect("answers");
        let seen = store.seen(slot, EPOCH, &[SeenId([4; 16])]).await;
        let outbox = store.outbox().state().await.expect("answers");
        (
            groups.len(),
            waiting.len(),
            labels.len(),
            seen.expect("answers").len(),
            outbox.waiting,
        )
    }

    pub async fn a_batch_moves_the_position_and_stores_its_changes_together(store: &dyn Store) {
        let claimed = claimed(store, 0).await;
        assert_eq!(claimed.position, 0);

        stored(store, span(claimed.slot, 0, 7), &changes()).await;

        assert_eq!(kept(store, claimed.slot).await, (2, 1, 1, 1, 1));
        let groups = store.groups(&[GroupId([1; 16])]).await.expect("answers");
        assert_eq!(groups.get(&GroupId([1; 16])), Some(&group(1, b"").kept));
        store.release(&claimed.lease).await.expect("answers");
        let again = self::claimed(store, 0).await;
        assert_eq!((again.slot, again.position), (claimed.slot, 7));
        let positions = store.positions(TOPIC).await.expect("answers");
        assert_eq!(positions, [(0, 7)]);
        store.check().await.expect("answers");
    }

    pub async fn a_batch_that_was_overtaken_stores_nothing(store: &dyn Store) {
        let slot = claimed(store, 0).await.slot;
        stored(store, span(slot, 0, 7), &Changes::default()).await;

        let taken = store.store(span(slot, 0, 9), &changes()).await;

        assert_eq!(taken.expect("answers"), Taken::Overtaken);
        assert_eq!(kept(store, slot).await, (0, 0, 0, 0, 0));
        let dropped = store.drop_rows(slot, 6, EPOCH, 9).await;
        assert_eq!(dropped.expect("answers"), Dropped::Overtaken);
        assert_eq!(kept(store, slot).await, (0, 0, 0, 0, 0));
    }

    pub async fn a_group_is_changed_by_a_later_batch(store: &dyn Store) {
        let slot = claimed(store, 0).await.slot;
        stored(store, span(slot, 0, 1), &changes()).await;
        let opened = KeptGroup {
            secret: Some(vec![0, 255, 7]),
            ..KeptGroup::default()
        };
        let change = GroupChange {
            kept: opened.clone(),
            ..group(1, b"")
        };

        let changes = Changes {
            groups: vec![change],
            ..Changes::default()
        };
        stored(store, span(slot, 1, 2), &changes).await;

        let groups = store.groups(&[GroupId([1; 16]), GroupId([2; 16])]).await;
        let groups = groups.expect("answers");
        assert_eq!(groups.get(&GroupId([1; 16])), Some(&opened));
        assert_eq!(groups.len(), 2);
    }

    pub async fn a_partition_is_read_by_one_process_at_a_time(store: &dyn Store) {
        let first = claimed(store, 0).await;

        let other = store.claim(TOPIC, 0, claim(Holder::random())).await;

        assert_eq!(other.expect("answers"), None);
        let beside = claimed(store, 1).await;
        assert_ne!(first.slot, beside.slot);
        store.release(&first.lease).await.expect("answers");
        assert_eq!(claimed(store, 0).await.slot, first.slot);
    }

    pub async fn another_log_is_noticed(store: &dyn Store) {
        assert!(store.is_known_log("one").await.expect("answers"));
        assert!(store.is_known_log("one").await.expect("answers"));
        assert!(!store.is_known_log("other").await.expect("answers"));
    }

    pub async fn counts_of_a_label_add_up(store: &dyn Store) {
        let slot = claimed(store, 0).await.slot;
        let one = |added| Changes {
            labels: vec![label(3, added)],
            ..Changes::default()
        };

        stored(store, span(slot, 0, 1), &one(counts(60, 10, 0))).await;
        stored(store, span(slot, 1, 2), &one(counts(7, 5, 55))).await;

        let labels = store.labels(&[LabelId([3; 16]), LabelId([4; 16])]).await;
        let labels: Vec<_> = labels.expect("answers").into_iter().collect();
        assert_eq!(labels, [(LabelId([3; 16]), counts(67, 15, 55))]);
    }

    pub async fn dead_letters_are_kept_up_to_their_number_for_each_reason(store: &dyn Store) {
        let slot = claimed(store, 0).await.slot;
        let letters = (0..10_050).map(|offset| DeadLetter {
            offset,
            reason: Rejection::Late,
            start: Bytes::from_static(b"start"),
        });
        let changes = Changes {
            dead_letters: letters.collect(),
            ..Changes::default()
        };

        stored(store, span(slot, 0, 10_050), &changes).await;
        let one = Changes {
            dead_letters: vec![DeadLetter {
                offset: 10_060,
                reason: Rejection::Threshold,
                start: Bytes::new(),
            }],
            ..Changes::default()
        };
        stored(store, span(slot, 10_050, 10_061), &one).await;

        let kept = store.dead_letters(slot).await.expect("answers");
        let total: u64 = kept.iter().map(|(_, count)| count).sum();
        assert_eq!(total, 10_001);
        assert!(kept.contains(&("late".to_owned(), 10_000)));
    }

    pub async fn messages_wait_in_the_order_they_came_until_they_are_dropped(store: &dyn Store) {
        let slot = claimed(store, 0).await.slot;
        let one = |waiting: &[u8], drop_older| Changes {
            groups: vec![GroupChange {
                drop_older,
                ..group(1, waiting)
            }],
            ..Changes::default()
        };
        stored(store, span(slot, 0, 9), &one(b"first", false)).await;
        stored(store, span(slot, 9, 10), &one(b"second", false)).await;
        let id = GroupId([1; 16]);
        assert_eq!(
            store.waiting(id).await.expect("answers"),
            ["first", "second"]
        );

        stored(store, span(slot, 10, 11), &one(b"all", true)).await;

        assert_eq!(store.waiting(id).await.expect("answers"), ["all"]);
    }

    pub async fn what_was_counted_is_known_in_its_epoch_alone(store: &dyn Store) {
        let slot = claimed(store, 0).await.slot;
        let id = |number: u8| SeenId([number; 16]);
        let changes = Changes {
            seen: vec![(EPOCH, id(9)), (EPOCH, id(1)), (EPOCH + 1, id(2))],
            ..Changes::default()
        };

        stored(store, span(slot, 0, 1), &changes).await;

        let ids = [id(1), id(2), id(3), id(9)];
        let mut seen = store.seen(slot, EPOCH, &ids).await.expect("answers");
        seen.sort_unstable();
        assert_eq!(seen, [id(1), id(9)]);
        let other = store.seen(Slot(slot.0 + 1), EPOCH, &ids).await;
        assert_eq!(other.expect("answers"), []);
    }
}
pub use cases::*;

mod epochs;
mod pending;
pub use epochs::*;
pub use pending::*;
