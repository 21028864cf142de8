//! Spending.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::fixtures::{
    claim, count_first_signing, days, key, redemption, redemption_that_knows, signed, spend,
    spend_all, stored_issuer, today,
};
use crate::{
    domain::{Found, Judgement, Spend, VerifiedRedemption, judge},
    store::Store,
};

/// The look-up says the same as the transaction.
pub async fn tokens_are_spent_once_and_a_repeat_is_a_replay(store: &dyn Store) {
    let key_facts = signed(store, "a", 10).await;
    let vote = redemption(&key_facts, "p", &[1, 2, 3]);
    let unknown = store.look_up(&[claim(&vote)]).await.unwrap();
    assert_eq!(unknown, [Found::nothing(3)]);

    assert_eq!(
        spend(store, &vote).await,
        Spend::First { redeemed_total: 3 }
    );
    assert_eq!(
        spend(store, &vote).await,
        Spend::Replay { redeemed_total: 3 }
    );

    let fresh = redemption(&key_facts, "p", &[4]);
    let found = store.look_up(&[claim(&fresh), claim(&vote)]).await.unwrap();
    assert_eq!(judge(fresh.claim(), &found[0].bindings), Judgement::Fresh);
    assert_eq!(judge(vote.claim(), &found[1].bindings), Judgement::Replay);
    assert_eq!(found[1].redeemed_total, 3);
    assert_eq!(key(store, key_facts.id()).await.redeemed_total, 3);
    assert_eq!(store.look_up(&[]).await.unwrap(), []);
}

/// Subsets, supersets, unions and other payloads, and none of them writes anything.
pub async fn other_groupings_of_spent_tokens_are_refused(store: &dyn Store) {
    let key_facts = signed(store, "a", 20).await;
    for tokens in [&[1, 2, 3][..], &[4, 5]] {
        let _first = spend(store, &redemption(&key_facts, "p", tokens)).await;
    }

    let groupings: [&[u8]; 5] = [&[1, 2], &[1, 2, 3, 9], &[1, 2, 3, 4, 5], &[9, 5], &[3]];
    for tokens in groupings {
        let other = redemption(&key_facts, "p", tokens);
        assert_eq!(spend(store, &other).await, Spend::Conflict, "{tokens:?}");
    }
    let other_text = redemption(&key_facts, "q", &[1, 2, 3]);
    assert_eq!(spend(store, &other_text).await, Spend::Conflict);

    assert_eq!(key(store, key_facts.id()).await.redeemed_total, 5);
    let unspent = redemption(&key_facts, "p", &[9]);
    assert_eq!(
        spend(store, &unspent).await,
        Spend::First { redeemed_total: 6 }
    );
    // The same token under another key is another token.
    let other_key = signed_other(store).await;
    let same_bytes = redemption(&other_key, "p", &[1, 2, 3]);
    assert_eq!(
        spend(store, &same_bytes).await,
        Spend::First { redeemed_total: 3 }
    );
}

async fn signed_other(store: &dyn Store) -> crate::domain::KeyFacts {
    let facts = stored_issuer(store, "b").await;
    let signing = crate::store::Signing {
        id: messages::encoding::Fixed([1; 32]),
        key: facts.id(),
        tokens: 10,
    };
    let _counted = store.count_signings(&[signing]).await.unwrap();
    facts
}

/// What is refused fails nobody else, and what overlaps waits for the next batch.
pub async fn a_batch_decides_each_redemption_alone(store: &dyn Store) {
    let key_facts = signed(store, "a", 8).await;
    let spent = redemption(&key_facts, "before", &[1]);
    let _first = spend(store, &spent).await;

    let batch = [
        redemption(&key_facts, "p", &[2, 3]),
        redemption(&key_facts, "p", &[3, 4]),
        redemption(&key_facts, "p", &[1, 5]),
        redemption(&key_facts, "p", &[5, 6]),
        redemption(&key_facts, "p", &[2, 3]),
        redemption_that_knows(&key_facts, "p", &[7], 6),
        spent,
        redemption(&key_facts, "p", &[10, 11, 12, 13]),
        redemption_that_knows(&key_facts, "p", &[8], 5),
    ];
    let spends = spend_all(store, &batch).await;

    let expected = [
        Spend::First { redeemed_total: 3 },
        Spend::Again,
        Spend::Conflict,
        Spend::First { redeemed_total: 5 },
        Spend::Again,
        Spend::Behind,
        Spend::Replay { redeemed_total: 5 },
        Spend::Inconsistent,
        Spend::First { redeemed_total: 6 },
    ];
    assert_eq!(spends, expected);
    let next = spend_all(store, &[batch[1].clone(), batch[4].clone()]).await;
    assert_eq!(next, [Spend::Conflict, Spend::Replay { redeemed_total: 6 }]);
    assert_eq!(spend_all(store, &[]).await, []);
}

/// A registry that counts more redemptions than signatures has lost or gained something.
pub async fn no_more_is_redeemed_than_was_signed(store: &dyn Store) {
    let key_facts = signed(store, "a", 3).await;

    let too_many = redemption(&key_facts, "p", &[1, 2, 3, 4]);
    assert_eq!(spend(store, &too_many).await, Spend::Inconsistent);
    let exactly = redemption(&key_facts, "p", &[1, 2, 3]);
    assert_eq!(
        spend(store, &exactly).await,
        Spend::First { redeemed_total: 3 }
    );
    assert_eq!(
        spend(store, &exactly).await,
        Spend::Replay { redeemed_total: 3 }
    );
    let more = redemption(&key_facts, "p", &[4]);
    assert_eq!(spend(store, &more).await, Spend::Inconsistent);
}

/// A caller who has seen more redemptions than are counted is talking to a restored backup.
pub async fn a_registry_that_is_behind_writes_nothing(store: &dyn Store) {
    let key_facts = signed(store, "a", 9).await;
    let _first = spend(store, &redemption(&key_facts, "p", &[1, 2])).await;

    let knows_more = redemption_that_knows(&key_facts, "p", &[3], 3);
    assert_eq!(spend(store, &knows_more).await, Spend::Behind);
    assert_eq!(key(store, key_facts.id()).await.redeemed_total, 2);
    let knows_this = redemption_that_knows(&key_facts, "p", &[3], 2);
    assert_eq!(
        spend(store, &knows_this).await,
        Spend::First { redeemed_total: 3 }
    );
}

/// What was spent before is still answered.
pub async fn a_revoked_key_redeems_nothing_new(store: &dyn Store) {
    let key_facts = signed(store, "a", 9).await;
    let before = redemption(&key_facts, "p", &[1]);
    let _first = spend(store, &before).await;
    store.revoke_key(key_facts.id()).await.unwrap();

    let new = redemption(&key_facts, "p", &[2]);
    assert_eq!(spend(store, &new).await, Spend::Revoked);
    assert_eq!(
        spend(store, &before).await,
        Spend::Replay { redeemed_total: 1 }
    );
    let conflict = redemption(&key_facts, "q", &[1]);
    assert_eq!(spend(store, &conflict).await, Spend::Conflict);
}

/// Concurrently, each in a transaction of its own.
pub async fn of_many_simultaneous_spends_one_is_the_first(store: &dyn Store) {
    let key_facts = signed(store, "a", 200).await;

    let spends = (0..32_u8).map(|n| {
        let other = redemption(&key_facts, &format!("for {n}"), &[7, 100 + n]);
        async move { spend(store, &other).await }
    });
    let mut answers = BTreeMap::<String, usize>::new();
    for spend in join_all(spends).await {
        *answers.entry(format!("{spend:?}")).or_default() += 1;
    }

    let expected = [("Conflict", 31), ("First { redeemed_total: 2 }", 1)];
    let expected = expected.map(|(spend, count)| (spend.to_owned(), count));
    assert_eq!(answers, BTreeMap::from(expected));
}

/// In bounded pieces; younger keys keep theirs.
pub async fn redemptions_of_ended_keys_are_forgotten(store: &dyn Store) {
    let key_facts = signed(store, "a", 9).await;
    let vote = redemption(&key_facts, "p", &[1, 2, 3]);
    let _first = store
        .spend(std::slice::from_ref(&vote), today())
        .await
        .unwrap();

    assert!(!store.forget_redemptions(days(60), 2).await.unwrap());
    let mut turns = 1;
    while store.forget_redemptions(days(61), 2).await.unwrap() {
        turns += 1;
    }

    // Three redemptions and one signing request are too much for one.
    assert!((2..=3).contains(&turns), "{turns}");
    let found = store.look_up(&[claim(&vote)]).await.unwrap();
    assert!(found[0].bindings.iter().all(Option::is_none));
    // The totals stay: the ledger needs them.
    let kept = key(store, key_facts.id()).await;
    assert_eq!((kept.redeemed_total, kept.signed_total), (3, 9));
    // A request that nobody remembers is counted again.
    count_first_signing(store, key_facts.id(), 9).await;
    assert_eq!(key(store, key_facts.id()).await.signed_total, 18);
}

/// Two redemptions of one token of a key that signed enough, for engines that want to show that
/// their constraint holds by itself.
pub async fn two_redemptions_of_one_token(
    store: &dyn Store,
) -> (VerifiedRedemption, VerifiedRedemption) {
    let key_facts = signed(store, "a", 9).await;
    (
        redemption(&key_facts, "p", &[1]),
        redemption(&key_facts, "q", &[1]),
    )
}
