//! Counting what was signed.

use messages::{KeyId, encoding::Fixed};

use super::fixtures::{days, key, new_key, redemption, spend, stored_issuer};
use crate::{
    domain::Spend,
    store::{Added, Counted, Signing, Store},
};

fn signing(id: u8, key: KeyId, tokens: u64) -> Signing {
    Signing {
        id: Fixed([id; 32]),
        key,
        tokens,
    }
}

/// In one batch or in several, under whatever key the repeat comes.
pub async fn signings_are_counted_once(store: &dyn Store) {
    let first = stored_issuer(store, "a").await.id();
    let second = new_key("a", days(30));
    assert_eq!(store.add_key(&second).await.unwrap(), Added::New);
    let second = second.facts.id();

    let batch = [
        signing(1, first, 40),
        signing(2, first, 8),
        signing(1, first, 40),
        signing(3, second, 4),
    ];
    let counted = store.count_signings(&batch).await.unwrap();
    let expected = [
        Counted::Now,
        Counted::Now,
        Counted::Before(first),
        Counted::Now,
    ];
    assert_eq!(counted, expected);

    let again = [signing(2, second, 8), signing(3, first, 4)];
    let counted = store.count_signings(&again).await.unwrap();
    assert_eq!(counted, [Counted::Before(first), Counted::Before(second)]);

    assert_eq!(key(store, first).await.signed_total, 48);
    assert_eq!(key(store, second).await.signed_total, 4);
    assert_eq!(store.count_signings(&[]).await.unwrap(), []);
}

/// A key that was revoked between signing and counting signs nothing.
pub async fn signings_of_a_revoked_key_are_not_counted(store: &dyn Store) {
    let revoked = stored_issuer(store, "a").await.id();
    let other = stored_issuer(store, "b").await.id();
    store.revoke_key(revoked).await.unwrap();

    let batch = [signing(1, revoked, 40), signing(2, other, 8)];
    let counted = store.count_signings(&batch).await.unwrap();

    assert_eq!(counted, [Counted::Revoked, Counted::Now]);
    assert_eq!(key(store, revoked).await.signed_total, 0);
    assert_eq!(key(store, other).await.signed_total, 8);
}

/// Its tokens are worth nothing, so the buyer gets others, which are paid for instead of the first.
pub async fn a_signing_of_a_revoked_key_is_moved_to_another(store: &dyn Store) {
    let revoked = stored_issuer(store, "a").await.id();
    let other = stored_issuer(store, "b").await.id();
    let batch = [signing(1, revoked, 40), signing(2, revoked, 8)];
    let counted = store.count_signings(&batch).await.unwrap();
    assert_eq!(counted, [Counted::Now, Counted::Now]);
    store.revoke_key(revoked).await.unwrap();

    for expected in [Counted::Now, Counted::Before(other)] {
        let batch = [signing(1, other, 40)];
        assert_eq!(store.count_signings(&batch).await.unwrap(), [expected]);
    }

    assert_eq!(key(store, revoked).await.signed_total, 8);
    assert_eq!(key(store, other).await.signed_total, 40);
    // Twice in one batch is once.
    let batch = [signing(2, other, 8), signing(2, other, 8)];
    let counted = store.count_signings(&batch).await.unwrap();
    assert_eq!(counted, [Counted::Now, Counted::Before(other)]);
    assert_eq!(key(store, revoked).await.signed_total, 0);
    assert_eq!(key(store, other).await.signed_total, 48);
}

/// Tokens that were redeemed were signed, whatever is asked later.
pub async fn what_was_redeemed_stays_signed_when_its_key_is_revoked(store: &dyn Store) {
    let facts = stored_issuer(store, "a").await;
    let (revoked, other) = (facts.id(), stored_issuer(store, "b").await.id());
    let batch = [signing(1, revoked, 3), signing(2, revoked, 2)];
    let _counted = store.count_signings(&batch).await.unwrap();
    let first = spend(store, &redemption(&facts, "payload", &[1, 2])).await;
    assert_eq!(first, Spend::First { redeemed_total: 2 });
    store.revoke_key(revoked).await.unwrap();

    let batch = [
        signing(1, other, 3),
        signing(2, other, 2),
        signing(3, other, 4),
    ];
    let counted = store.count_signings(&batch).await.unwrap();

    let expected = [Counted::Now, Counted::Inconsistent, Counted::Now];
    assert_eq!(counted, expected);
    assert_eq!(key(store, revoked).await.signed_total, 2);
    assert_eq!(key(store, other).await.signed_total, 7);
}
