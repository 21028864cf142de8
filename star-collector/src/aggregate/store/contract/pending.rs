//! How much waits of an epoch, and what is dropped of it.
#![expect(missing_docs, reason = "the names are sentences")]

use service_kit::lease::Holder;

use super::cases::{
    EPOCH, TOPIC, changes, claim, claimed, group, kept, pending, sampling, span, stored,
};
use crate::{
    aggregate::store::{Changes, Dropped, Pending, Slot, Store, Taken, WaitingGroup},
    domain::group::GroupId,
};

pub async fn groups_that_are_not_open_are_dropped_whole(store: &dyn Store) {
    let slot = claimed(store, 0).await.slot;
    let mut changes = changes();
    changes.groups.push(group(3, b"three"));
    changes.pending = vec![pending(1, 0, 21)];
    let mut open = group(9, b"");
    open.kept.secret = Some(vec![1]);
    changes.groups.push(open);
    stored(store, span(slot, 0, 7), &changes).await;
    let closed = |number| WaitingGroup {
        id: GroupId([number; 16]),
        messages: 1,
        bytes: 7,
    };
    let page = store.closed(slot, EPOCH, None, 2).await.expect("answers");
    assert_eq!(page, [closed(1), closed(2)]);
    let behind = store.closed(slot, EPOCH, Some(GroupId([2; 16])), 2).await;
    assert_eq!(behind.expect("answers"), [closed(3)]);
    let elsewhere = store.closed(Slot(slot.0 + 1), EPOCH, None, 2).await;
    assert_eq!(elsewhere.expect("answers"), []);

    let late = store.drop_closed(slot, 6, EPOCH, &page).await;
    assert_eq!(late.expect("answers"), Taken::Overtaken);
    let dropped = store.drop_closed(slot, 7, EPOCH, &page).await;

    assert_eq!(dropped.expect("answers"), Taken::Stored);
    let left = store.closed(slot, EPOCH, None, 9).await.expect("answers");
    assert_eq!(left, [closed(3)]);
    assert_eq!(kept(store, slot).await, (1, 0, 1, 1, 1));
    let pending = store.pending(slot).await.expect("answers");
    assert_eq!(pending.first().expect("the epoch has a row").bytes, 7);
}

pub async fn what_waits_of_an_epoch_is_added_up_in_each_partition(store: &dyn Store) {
    let slot = claimed(store, 0).await.slot;
    let other = claimed(store, 1).await.slot;
    let of_other_topic = store.claim("other", 0, claim(Holder::random())).await;
    let of_other_topic = of_other_topic.expect("answers").expect("nobody reads it");
    let one = |change| Changes {
        pending: vec![change],
        ..Changes::default()
    };
    stored(store, span(slot, 0, 1), &one(pending(1, 0, 100))).await;
    stored(store, span(other, 0, 1), &one(pending(2, 3, 50))).await;
    stored(
        store,
        span(of_other_topic.slot, 0, 1),
        &one(pending(3, 0, 1)),
    )
    .await;

    // The first key stays.
    stored(store, span(slot, 1, 2), &one(pending(7, 1, -30))).await;
    store.raise_level(slot, EPOCH, 2).await.expect("answers");
    store.raise_level(slot, EPOCH, 1).await.expect("answers");

    let expected = |slot, sampling, swept, bytes| Pending {
        slot,
        epoch: EPOCH,
        sampling,
        swept,
        messages: bytes / 10,
        bytes,
    };
    let second = expected(other, sampling(2, 3), 3, 50);
    let found = store.pending(slot).await.expect("answers");
    assert_eq!(found, [expected(slot, sampling(1, 2), 0, 70), second]);
    store.swept(slot, EPOCH, 2).await.expect("answers");
    store.swept(slot, EPOCH, 1).await.expect("answers");
    let found = store.pending(other).await.expect("answers");
    assert_eq!(found, [expected(slot, sampling(1, 2), 2, 70), second]);
    assert_eq!(store.epochs(slot).await.expect("answers"), [EPOCH]);
    let dropped = store.drop_rows(slot, 2, EPOCH, 9).await;
    assert_eq!(dropped.expect("answers"), Dropped::All);
    assert_eq!(store.pending(slot).await.expect("answers"), [second]);
}

pub async fn what_waits_of_a_topic_is_added_up(store: &dyn Store) {
    let messages = async |topic| store.pending_messages(topic).await.expect("answers");
    assert_eq!(messages(TOPIC).await, 0);
    let (slot, other) = (claimed(store, 0).await.slot, claimed(store, 1).await.slot);
    let one = |key, bytes| Changes {
        pending: vec![pending(key, 0, bytes)],
        ..Changes::default()
    };

    stored(store, span(slot, 0, 1), &one(1, 100)).await;
    stored(store, span(other, 0, 1), &one(2, 50)).await;
    stored(store, span(slot, 1, 2), &one(1, -30)).await;

    assert_eq!(messages(TOPIC).await, 12);
    assert_eq!(messages("other").await, 0);
}
