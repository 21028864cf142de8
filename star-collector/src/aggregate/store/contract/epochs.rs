//! The end of an epoch.
#![expect(missing_docs, reason = "the names are sentences")]

use super::cases::{EPOCH, TOPIC, changes, claimed, counts, group, kept, label, row, span, stored};
use crate::{
    aggregate::store::{Changes, GroupChange, Slot, Store, Taken},
    domain::group::LabelId,
};

const LABEL: LabelId = LabelId([3; 16]);

pub async fn an_expired_epoch_leaves_nothing_and_its_reports_stay(store: &dyn Store) {
    let slot = claimed(store, 0).await.slot;
    let other = claimed(store, 1).await.slot;
    stored(store, span(slot, 0, 7), &changes()).await;
    assert_eq!(store.epochs(slot).await.expect("answers"), [EPOCH]);
    assert_eq!(store.epochs(other).await.expect("answers"), [0_u64; 0]);
    let labels = store.expired(slot, EPOCH, None, 10).await.expect("answers");
    let found: Vec<_> = labels
        .iter()
        .map(|label| (label.id, label.path.as_str(), label.threshold, label.counts))
        .collect();
    assert_eq!(found, [(LABEL, r#"["a|ä"]"#, 50, counts(5, 3, 0))]);
    let behind = store.expired(slot, EPOCH, Some(LABEL), 10).await;
    assert_eq!(behind.expect("answers"), []);

    let expired = store.expire(slot, 7, EPOCH).await;

    assert_eq!(expired.expect("answers"), Taken::Stored);
    assert_eq!(kept(store, slot).await, (0, 0, 0, 0, 1));
    assert_eq!(store.epochs(slot).await.expect("answers"), [0_u64; 0]);
}

/// What became of a report of what [`LABEL`] has left.
async fn rest(store: &dyn Store, slot: Slot, at: u64, number: u8) -> Taken {
    let taken = store.report_rest(slot, at, &[LABEL], &[row(number)]).await;
    taken.expect("answers")
}

pub async fn the_rest_of_a_label_is_reported_once(store: &dyn Store) {
    let slot = claimed(store, 0).await.slot;
    stored(store, span(slot, 0, 7), &changes()).await;

    assert_eq!(rest(store, slot, 6, 7).await, Taken::Overtaken);
    assert_eq!(rest(store, slot, 7, 8).await, Taken::Stored);
    // Another process that had read the counts before.
    assert_eq!(rest(store, slot, 7, 9).await, Taken::Overtaken);

    assert_eq!(kept(store, slot).await, (2, 1, 1, 1, 2));
    let labels = store.labels(&[LABEL]).await.expect("answers");
    assert_eq!(labels.get(&LABEL), Some(&counts(5, 3, 2)));
    // Of several, one has nothing left: nothing is stored of any.
    let other = Changes {
        labels: vec![label(4, counts(9, 0, 0))],
        ..Changes::default()
    };
    stored(store, span(slot, 7, 8), &other).await;
    let both = [LabelId([4; 16]), LABEL];
    let taken = store.report_rest(slot, 8, &both, &[row(10)]).await;
    assert_eq!(taken.expect("answers"), Taken::Overtaken);
    let labels = store.labels(&both).await.expect("answers");
    assert_eq!(labels.get(&both[0]), Some(&counts(9, 0, 0)));
}

pub async fn an_epoch_that_another_process_has_expired_is_reported_once(store: &dyn Store) {
    let slot = claimed(store, 0).await.slot;
    stored(store, span(slot, 0, 7), &changes()).await;
    let expired = store.expire(slot, 7, EPOCH).await;
    assert_eq!(expired.expect("answers"), Taken::Stored);

    // It has read the epoch before, was held, and the reports of the other are published and gone meanwhile.
    assert_eq!(rest(store, slot, 7, 9).await, Taken::Overtaken);
    let again = store.expire(slot, 7, EPOCH).await;

    assert_eq!(again.expect("answers"), Taken::Overtaken);
    assert_eq!(kept(store, slot).await, (0, 0, 0, 0, 1));
}

pub async fn the_oldest_epoch_of_a_topic_is_told(store: &dyn Store) {
    let oldest = async || store.oldest_epoch(TOPIC).await.expect("answers");
    assert_eq!(oldest().await, None);
    let (slot, other) = (claimed(store, 0).await.slot, claimed(store, 1).await.slot);
    let one = |number: u8, epoch| Changes {
        groups: vec![GroupChange {
            epoch,
            ..group(number, b"")
        }],
        ..Changes::default()
    };

    stored(store, span(slot, 0, 1), &one(1, EPOCH + 1)).await;
    assert_eq!(oldest().await, Some(EPOCH + 1));
    stored(store, span(other, 0, 1), &one(2, EPOCH)).await;

    assert_eq!(oldest().await, Some(EPOCH));
    let elsewhere = store.oldest_epoch("other").await.expect("answers");
    assert_eq!(elsewhere, None);
}

pub async fn an_epoch_is_closed_to_messages_before_its_rows_are_gone(store: &dyn Store) {
    let first = claimed(store, 0).await;
    assert_eq!(first.epochs_closed, 0);
    stored(store, span(first.slot, 0, 7), &changes()).await;

    let late = store.close_epoch(first.slot, 6, EPOCH).await;
    assert_eq!(late.expect("answers"), Taken::Overtaken);
    for epoch in [EPOCH, EPOCH - 1] {
        let closed = store.close_epoch(first.slot, 7, epoch).await;
        assert_eq!(closed.expect("answers"), Taken::Stored);
    }

    assert_eq!(kept(store, first.slot).await, (2, 1, 1, 1, 1));
    store.release(&first.lease).await.expect("answers");
    assert_eq!(claimed(store, 0).await.epochs_closed, EPOCH + 1);
}
