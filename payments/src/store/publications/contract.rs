//! What every [`Publications`] store must do. One suite, run on each engine.
//!
//! Every function takes an empty store and panics where the store breaks its word.
#![expect(
    clippy::missing_panics_doc,
    reason = "a contract suite panics where the contract is broken"
)]

use chrono::NaiveDate;
use messages::{
    FundingSource, KeyId,
    challenge_bypass::Derivation,
    directory::{CHAIN_START, Entry, Event, Head, IssuerKeyEntry},
    encoding::Fixed,
};
use service_kit::outbox::{Outbox, Row};

use super::Publications;

/// The first `count` entries of a directory.
pub fn entries(count: u8) -> Vec<Entry> {
    let mut entries = Vec::<Entry>::new();
    for index in 0..count {
        let public_key = Fixed([index; 32]);
        let entry = Entry::IssuerKey(IssuerKeyEntry {
            index: 0,
            issuer: "brave.com?sku=user-wallet-vote".to_owned(),
            key_id: KeyId::of(&public_key),
            public_key,
            derivation: Derivation::Rfc9497,
            funding_source: FundingSource::UserWallet,
            base_vote_value: "0.25".parse().expect("an amount"),
            sign_from: "2026-01-03T00:00:00Z".parse().expect("a time"),
            sign_until: "2026-02-02T00:00:00Z".parse().expect("a time"),
            redeem_until: "2026-03-04T00:00:00Z".parse().expect("a time"),
            event: Event::Added,
            hash: CHAIN_START,
        });
        entries.push(entry.after(entries.last()));
    }
    entries
}

/// A head over the first `size` entries; its signature is none, which a store does not look at.
pub fn head(on: &str, size: u8) -> Head {
    let entries = entries(size);
    Head {
        day: day(on),
        size: size.into(),
        hash: entries.last().map_or(CHAIN_START, Entry::hash),
        signature: Fixed([size; 64]),
    }
}

/// A row to publish.
pub fn row(id: u8) -> Row {
    Row {
        id: [id; 32],
        topic: "topic".to_owned(),
        key: vec![id],
        value: vec![id],
    }
}

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

fn from(start: usize, entries: &[Entry]) -> &[Entry] {
    entries.get(start..).expect("there are so many entries")
}

async fn waiting(outbox: &dyn Outbox) -> u64 {
    outbox.state().await.expect("the outbox answers").waiting
}

/// Appends the entries from `start` on until there are `size`.
async fn append(store: &dyn Publications, start: usize, size: u8) -> bool {
    let all = entries(size);
    let appended = store.append_entries(from(start, &all)).await;
    appended.expect("an answer")
}

async fn append_head(store: &dyn Publications, head: &Head, row: &Row) -> bool {
    store.append_head(head, row).await.expect("an answer")
}

/// Heads and entries come back as they were appended, in order, also entries that no head covers yet.
pub async fn the_directory_is_what_was_appended(store: &dyn Publications, outbox: &dyn Outbox) {
    let heads = [
        head("2026-01-01", 1),
        head("2026-01-02", 1),
        head("2026-01-03", 3),
    ];
    let [first, second, third] = &heads;

    assert!(append(store, 0, 1).await);
    assert!(append_head(store, first, &row(1)).await);
    assert!(append_head(store, second, &row(2)).await);
    assert!(append(store, 1, 3).await);
    assert!(append_head(store, third, &row(3)).await);
    assert!(append(store, 3, 4).await);

    let directory = store.directory().await.expect("the directory");
    assert_eq!(directory.entries, entries(4));
    assert_eq!(directory.heads, heads);
    assert_eq!(store.directory_size().await.expect("its size"), (4, 3));
    assert_eq!(waiting(outbox).await, 3);
}

/// A day has one head, and whoever comes second leaves nothing behind.
pub async fn a_day_has_one_head(store: &dyn Publications, outbox: &dyn Outbox) {
    append(store, 0, 1).await;
    append_head(store, &head("2026-01-01", 1), &row(1)).await;
    append(store, 1, 2).await;

    assert!(!append_head(store, &head("2026-01-01", 2), &row(2)).await);

    let directory = store.directory().await.expect("the directory");
    assert_eq!(directory.heads, [head("2026-01-01", 1)]);
    assert_eq!(waiting(outbox).await, 1);
}

/// Entries that another process appended meanwhile are not appended again, nor passed over.
pub async fn entries_go_on_from_the_stored_ones(store: &dyn Publications) {
    append(store, 0, 1).await;

    assert!(!append(store, 0, 3).await);
    assert!(!append(store, 2, 3).await);
    assert!(append(store, 1, 3).await);

    let directory = store.directory().await.expect("the directory");
    assert_eq!(directory.entries, entries(3));
}

/// A head is over all entries that are stored, no more and no fewer.
pub async fn a_head_covers_all_stored_entries(store: &dyn Publications, outbox: &dyn Outbox) {
    append(store, 0, 2).await;

    for size in [1, 3] {
        assert!(!append_head(store, &head("2026-01-02", size), &row(2)).await);
    }

    let directory = store.directory().await.expect("the directory");
    assert_eq!(directory.heads, []);
    assert_eq!(waiting(outbox).await, 0);
}

/// Heads that are put back stand in order again, are not published again, and replace none.
pub async fn heads_that_were_published_are_put_back(store: &dyn Publications, outbox: &dyn Outbox) {
    append(store, 0, 3).await;
    append_head(store, &head("2026-01-02", 3), &row(2)).await;

    for _ in 0..2 {
        let back = [head("2026-01-01", 1), head("2026-01-02", 1)];
        store.restore_heads(&back).await.expect("put back");
    }

    let directory = store.directory().await.expect("the directory");
    assert_eq!(
        directory.heads,
        [head("2026-01-01", 1), head("2026-01-02", 3)]
    );
    assert_eq!(waiting(outbox).await, 1);
}
