//! What every [`Store`] of votes must do. One suite, run on each engine.
//!
//! Every function takes an empty store and panics where the store breaks its word.
#![expect(
    clippy::missing_panics_doc,
    reason = "a contract suite panics where the contract is broken"
)]

use std::time::Duration;

use messages::{FundingSource, KeyId, encoding::Fixed};
use service_kit::{
    lease::{Claim, Holder},
    outbox::{Outbox, Shuffle},
};

use super::{KeyCount, Standing, Store};
use crate::domain::vote::{RedeemedVote, VoteId};

/// A vote with an id made of `id` and tokens of the key `key`.
pub fn vote(id: u8, key: u8, tokens: u64, redeemed_total: u64) -> RedeemedVote {
    RedeemedVote {
        id: VoteId([id; 32]),
        key: key_id(key),
        tokens,
        text: r#"{"channel":"example.com","type":"auto-contribute"}"#
            .parse()
            .expect("a vote text"),
        funding_source: FundingSource::UserWallet,
        value: "0.25".parse().expect("an amount"),
        redeemed_total,
    }
}

/// The id of the key made of `key`.
pub fn key_id(key: u8) -> KeyId {
    KeyId::of(&Fixed([key; 32]))
}

async fn waiting(outbox: &dyn Outbox) -> u64 {
    outbox.state().await.expect("the outbox answers").waiting
}

/// A vote is recorded once, however often and in whatever company it comes again.
pub async fn a_vote_is_counted_once(store: &dyn Store, outbox: &dyn Outbox) {
    store.record(&[vote(1, 1, 4, 4)]).await.expect("recorded");
    store
        .record(&[vote(1, 1, 4, 4), vote(2, 1, 2, 6), vote(2, 1, 2, 6)])
        .await
        .expect("recorded");
    store.record(&[vote(1, 1, 4, 4)]).await.expect("recorded");

    assert_eq!(waiting(outbox).await, 2);
    let counts = store.key_counts().await.expect("counts");
    assert_eq!(
        counts,
        [KeyCount {
            key: key_id(1),
            tokens_counted: 6,
            redeemed_total: 6
        }]
    );
}

/// What is known of a vote before and after it was recorded.
pub async fn a_recorded_vote_is_known(store: &dyn Store) {
    let id = VoteId([1; 32]);
    assert_eq!(
        store.standing(id, key_id(1)).await.expect("an answer"),
        Standing::default()
    );

    store.record(&[vote(1, 1, 4, 4)]).await.expect("recorded");

    let known = store.standing(id, key_id(1)).await.expect("an answer");
    assert_eq!(
        known,
        Standing {
            recorded: true,
            redeemed_total: 4
        }
    );
    let other = store
        .standing(VoteId([2; 32]), key_id(1))
        .await
        .expect("an answer");
    assert_eq!(
        other,
        Standing {
            recorded: false,
            redeemed_total: 4
        }
    );
    let other_key = store
        .standing(VoteId([2; 32]), key_id(2))
        .await
        .expect("an answer");
    assert_eq!(other_key, Standing::default());
}

/// The highest total that challenge-bypass told is kept, also when answers arrive in another order.
pub async fn the_highest_redeemed_total_is_kept(store: &dyn Store) {
    store
        .record(&[vote(1, 1, 4, 90), vote(2, 1, 4, 40)])
        .await
        .expect("recorded");
    store.record(&[vote(3, 1, 4, 60)]).await.expect("recorded");

    let known = store
        .standing(VoteId([9; 32]), key_id(1))
        .await
        .expect("an answer");
    assert_eq!(known.redeemed_total, 90);

    store.record(&[vote(3, 1, 4, 95)]).await.expect("a repeat");
    let known = store
        .standing(VoteId([9; 32]), key_id(1))
        .await
        .expect("an answer");
    assert_eq!(known.redeemed_total, 95);
}

/// What is kept is kept: votes are known, rows wait or have their positions, and counts stay.
pub async fn settling_loses_nothing(store: &dyn Store, outbox: &dyn Outbox) {
    let claim = Claim::now(Holder::random(), Duration::from_mins(1));
    let lease = outbox.take_lease(claim).await.expect("answers");
    let lease = lease.expect("nobody else has it");
    let votes: Vec<_> = (1..=5).map(|id| vote(id, 1, 1, 5)).collect();
    store.record(&votes).await.expect("recorded");
    let positioned = outbox.position_waiting(&lease, 3, Shuffle::Random).await;
    assert_eq!(positioned.expect("answers"), 3);
    outbox.delete_published(&lease, 1).await.expect("deleted");
    let today = "2026-01-10".parse().expect("is a day");
    let published = outbox.positioned(1, 5, today).await.expect("answers");
    let state = outbox.state().await.expect("answers");

    for _ in 0..2 {
        store.settle().await.expect("settled");
    }

    assert_eq!(outbox.state().await.expect("answers"), state);
    let after = outbox.positioned(1, 5, today).await.expect("answers");
    assert_eq!((after, state.waiting), (published, 2));
    let counts = store.key_counts().await.expect("counts");
    assert_eq!(counts.first().map(|count| count.tokens_counted), Some(5));
    store.record(&votes).await.expect("all are known");
    assert_eq!(outbox.state().await.expect("answers"), state);
}

/// Votes of one key are forgotten in parts, and those of other keys stay.
pub async fn votes_are_forgotten_by_key(store: &dyn Store) {
    store
        .record(&[
            vote(1, 1, 1, 1),
            vote(2, 1, 1, 2),
            vote(3, 1, 1, 3),
            vote(4, 2, 1, 1),
        ])
        .await
        .expect("recorded");

    assert_eq!(
        store.forget_votes(key_id(1), 2).await.expect("forgotten"),
        2
    );
    assert_eq!(
        store.forget_votes(key_id(1), 2).await.expect("forgotten"),
        1
    );
    assert_eq!(
        store.forget_votes(key_id(1), 2).await.expect("forgotten"),
        0
    );

    for (id, key, recorded) in [(1, 1, false), (2, 1, false), (3, 1, false), (4, 2, true)] {
        let known = store
            .standing(VoteId([id; 32]), key_id(key))
            .await
            .expect("an answer");
        assert_eq!(known.recorded, recorded, "vote {id}");
    }
}

/// Of many processes that record the same vote at once, one makes the row.
pub async fn identical_votes_at_once_make_one_row(store: &dyn Store, outbox: &dyn Outbox) {
    let one = [vote(1, 1, 4, 4)];
    let attempts = (0..20).map(|_| store.record(&one));

    for recorded in futures_util::future::join_all(attempts).await {
        recorded.expect("recorded");
    }

    assert_eq!(waiting(outbox).await, 1);
    assert_eq!(
        store
            .key_counts()
            .await
            .expect("counts")
            .first()
            .map(|count| count.tokens_counted),
        Some(4)
    );
}
