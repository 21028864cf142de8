//! The end of an epoch.
#![expect(missing_docs, reason = "the names are sentences")]

use super::cases::{
    EPOCH, TOPIC, changes, claimed, counts, group, kept, label, pending, row, span, stored,
};
use crate::{
    aggregate::store::{Changes, Dropped, GroupChange, Slot, Store, Taken},
    domain::group::{GroupId, LabelId, SeenId},
};

const LABEL: LabelId = LabelId([3; 16]);

/// How many rows are dropped at once: fewer than there are.
const LIMIT: u32 = 2;

/// What became of the next rows.
async fn dropped(store: &dyn Store, slot: Slot, at: u64) -> Dropped {
    let dropped = store.drop_rows(slot, at, EPOCH, LIMIT).await;
    dropped.expect("answers")
}

async fn drop_all(store: &dyn Store, slot: Slot, at: u64) {
    let mut last = Dropped::Some;
    while last == Dropped::Some {
        last = dropped(store, slot, at).await;
    }
    assert_eq!(last, Dropped::All);
}

/// How many labels an epoch has.
async fn labels(store: &dyn Store, slot: Slot) -> usize {
    let labels = store.expired(slot, EPOCH, None, 100).await;
    labels.expect("answers").len()
}

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

    drop_all(store, slot, 7).await;

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
    drop_all(store, slot, 7).await;

    // It has read the epoch before, was held, and the reports of the other are published and gone meanwhile.
    assert_eq!(rest(store, slot, 7, 9).await, Taken::Overtaken);
    let again = dropped(store, slot, 7).await;

    assert_eq!(again, Dropped::Overtaken);
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

/// Several pages of each kind: five groups for which something waits, five marks and five labels.
fn several() -> Changes {
    Changes {
        groups: (1..=5).map(|number| group(number, b"waits")).collect(),
        labels: (1..=5)
            .map(|number| label(number, counts(60, 0, 60)))
            .collect(),
        pending: vec![pending(1, 0, 35)],
        seen: (1..=5)
            .map(|number| (EPOCH, SeenId([number; 16])))
            .collect(),
        ..Changes::default()
    }
}

pub async fn an_epoch_is_dropped_page_by_page_its_groups_first(store: &dyn Store) {
    let slot = claimed(store, 0).await.slot;
    stored(store, span(slot, 0, 7), &several()).await;
    let seen: Vec<SeenId> = (1..=5).map(|number| SeenId([number; 16])).collect();
    let ids: Vec<GroupId> = (1..=5).map(|number| GroupId([number; 16])).collect();
    let mut steps = Vec::new();
    loop {
        let groups = store.groups(&ids).await.expect("answers");
        let has_groups = store.has_groups(slot, EPOCH).await.expect("answers");
        assert_eq!(has_groups, !groups.is_empty());
        // What waits goes with its group.
        for id in &ids {
            let waiting = store.waiting(*id).await.expect("answers");
            assert_eq!(!waiting.is_empty(), groups.contains_key(id));
        }
        let left = store.seen(slot, EPOCH, &seen).await.expect("answers");
        steps.push((groups.len(), left.len(), labels(store, slot).await));
        assert_eq!(store.epochs(slot).await.expect("answers"), [EPOCH]);
        let oldest = store.oldest_epoch(TOPIC).await.expect("answers");
        assert_eq!(oldest, Some(EPOCH));

        // Another process has read on meanwhile.
        assert_eq!(dropped(store, slot, 6).await, Dropped::Overtaken);
        match dropped(store, slot, 7).await {
            Dropped::All => break,
            Dropped::Overtaken => panic!("nobody else drops them"),
            Dropped::Some => {}
        }
    }

    let groups = [(5, 5, 5), (3, 5, 5), (1, 5, 5), (0, 5, 5)];
    let rest = [
        (0, 3, 5),
        (0, 1, 5),
        (0, 0, 5),
        (0, 0, 3),
        (0, 0, 1),
        (0, 0, 0),
    ];
    assert_eq!(steps, [&groups[..], &rest].concat());
    assert_eq!(store.epochs(slot).await.expect("answers"), [0_u64; 0]);
    assert_eq!(store.oldest_epoch(TOPIC).await.expect("answers"), None);
    assert_eq!(dropped(store, slot, 7).await, Dropped::Overtaken);
}

pub async fn groups_for_which_much_waits_are_dropped_one_by_one(store: &dyn Store) {
    let slot = claimed(store, 0).await.slot;
    let large = |number| {
        let mut group = group(number, b"waits");
        group.kept.waiting_bytes = 20 << 20;
        group
    };
    let changes = Changes {
        groups: (1..=3).map(large).collect(),
        ..Changes::default()
    };
    stored(store, span(slot, 0, 7), &changes).await;

    let mut pages = 0;
    while store.has_groups(slot, EPOCH).await.expect("answers") {
        assert_eq!(dropped(store, slot, 7).await, Dropped::Some);
        pages += 1;
    }

    assert_eq!(pages, 3);
}

pub async fn an_epoch_without_messages_that_wait_is_one_until_its_last_row_is_gone(
    store: &dyn Store,
) {
    let slot = claimed(store, 0).await.slot;
    let all_open = Changes {
        pending: Vec::new(),
        ..several()
    };
    stored(store, span(slot, 0, 7), &all_open).await;

    let mut pages = 0;
    while dropped(store, slot, 7).await == Dropped::Some {
        assert_eq!(store.epochs(slot).await.expect("answers"), [EPOCH]);
        pages += 1;
    }

    assert_eq!((pages, labels(store, slot).await), (9, 0));
    assert_eq!(store.epochs(slot).await.expect("answers"), [0_u64; 0]);
}

pub async fn epochs_beside_the_one_that_is_dropped_stay(store: &dyn Store) {
    let (slot, other) = (claimed(store, 0).await.slot, claimed(store, 1).await.slot);
    stored(store, span(slot, 0, 7), &several()).await;
    let id = |number: u8| GroupId([number; 16]);
    let of_epoch = |number: u8, epoch| Changes {
        groups: vec![GroupChange {
            epoch,
            ..group(number, b"waits")
        }],
        seen: vec![(epoch, SeenId([number; 16]))],
        ..Changes::default()
    };
    let beside = [
        (slot, EPOCH - 1, 8),
        (slot, EPOCH + 2, 9),
        (other, EPOCH, 7),
    ];
    for (slot, epoch, number) in beside {
        let from = if slot == other {
            0
        } else {
            u64::from(number) - 1
        };
        let changes = of_epoch(number, epoch);
        stored(store, span(slot, from, from + 1), &changes).await;
    }
    let epochs = store.epochs(slot).await.expect("answers");
    assert_eq!(epochs, [EPOCH - 1, EPOCH, EPOCH + 2]);

    drop_all(store, slot, 9).await;

    let epochs = store.epochs(slot).await.expect("answers");
    assert_eq!(epochs, [EPOCH - 1, EPOCH + 2]);
    assert_eq!(store.epochs(other).await.expect("answers"), [EPOCH]);
    for (slot, epoch, number) in beside {
        assert_eq!(store.waiting(id(number)).await.expect("answers"), ["waits"]);
        let seen = store.seen(slot, epoch, &[SeenId([number; 16])]).await;
        assert_eq!(seen.expect("answers").len(), 1);
    }
}
