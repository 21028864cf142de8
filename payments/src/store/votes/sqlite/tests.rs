//! What only SQLite can get wrong.

use std::time::Duration;

use service_kit::{
    lease::{self, Claim, Holder},
    outbox::{
        Shuffle,
        sqlite::{SLOTS, TABLES},
    },
};
use sqlx::Row as _;

use super::SqliteVotes;
use crate::{
    domain::vote::VoteId,
    store::votes::{Store as _, VotesDatabase as _, contract},
    votes::VoteRules,
};

/// A store in a file of its own.
pub(super) async fn store() -> (tempfile::TempDir, SqliteVotes) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("votes.db").display());
    let store = SqliteVotes::open(&url, "test.payment.vote".to_owned(), VoteRules::default());
    (folder, store.await.unwrap())
}

#[tokio::test]
async fn after_publication_only_the_id_is_left() {
    let (_folder, store) = store().await;
    store.record(&[contract::vote(1, 1, 4, 4)]).await.unwrap();
    let outbox = store.outbox();
    let claim = Claim::now(Holder::random(), Duration::from_mins(1));
    let lease = outbox.take_lease(claim).await.unwrap().unwrap();
    outbox
        .position_waiting(&lease, 10, Shuffle::Random)
        .await
        .unwrap();
    let file = || std::fs::read(store.db().path()).unwrap();
    let holds = |file: &[u8]| {
        file.windows(b"example.com".len())
            .any(|bytes| bytes == b"example.com")
    };
    store.db().forget_deleted().await.unwrap();
    assert!(holds(&file()), "the test sees what is there");

    outbox.delete_published(&lease, 1).await.unwrap();

    assert!(!holds(&file()));
    let known = store
        .standing(VoteId([1; 32]), contract::key_id(1))
        .await
        .unwrap();
    assert!(known.recorded);
}

#[tokio::test]
async fn no_table_keeps_a_time_or_the_order_of_arrival() {
    let (_folder, store) = store().await;
    let tables = sqlx::query(
        "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table'
             AND name NOT LIKE 'sqlite_%' AND name <> '_sqlx_migrations'",
    )
    .fetch_all(store.db().readers())
    .await
    .unwrap();
    let mut columns = Vec::new();
    for table in &tables {
        let name: String = table.get(0);
        assert!(table.get::<bool, _>(1), "{name} has row ids");
        let of_table = sqlx::query("SELECT name FROM pragma_table_info(?1)")
            .bind(&name)
            .fetch_all(store.db().readers())
            .await
            .unwrap();
        columns.extend(
            of_table
                .iter()
                .map(|row| format!("{name}.{}", row.get::<String, _>(0))),
        );
    }

    columns.sort();
    assert_eq!(
        columns,
        [
            "key_count.key_id",
            "key_count.redeemed_total",
            "key_count.tokens_counted",
            "lease.epoch",
            "lease.holder",
            "lease.name",
            // When the relay's lease ends: it says nothing about any vote.
            "lease.until_ms",
            "outbox.id",
            "outbox.key",
            "outbox.position",
            "outbox.topic",
            "outbox.value",
            "outbox_state.counter",
            // How many votes are yet to get a position of the slot in which they waited.
            "outbox_state.due",
            "outbox_state.generation",
            "outbox_state.one",
            // When votes were last published: a time of the settings.
            "outbox_state.slot",
            "vote.key_id",
            "vote.vote_id",
        ]
    );
}

#[test]
fn the_migrations_have_the_outbox_as_the_relay_knows_it() {
    for migration in [
        include_str!("../../../../../migrations/payments-votes/sqlite/0001_votes.sql"),
        include_str!(
            "../../../../../migrations/payments-orders/sqlite/0002_directory_and_outbox.sql"
        ),
    ] {
        assert!(migration.contains(TABLES));
        assert!(migration.contains(lease::sqlite::TABLE));
    }
    for migration in [
        include_str!("../../../../../migrations/payments-votes/sqlite/0002_slots.sql"),
        include_str!("../../../../../migrations/payments-orders/sqlite/0003_slots.sql"),
    ] {
        assert!(migration.contains(SLOTS));
    }
}
