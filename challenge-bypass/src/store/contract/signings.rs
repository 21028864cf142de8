//! Counting what was signed.

use messages::{KeyId, encoding::Fixed};

use super::fixtures::{days, key, new_key, stored_issuer};
use crate::store::{Added, Counted, Signing, Store};

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

/// Its tokens are worth nothing, so the buyer gets others.
pub async fn a_signing_of_a_revoked_key_can_be_repeated_with_another(store: &dyn Store) {
    let revoked = stored_issuer(store, "a").await.id();
    let other = stored_issuer(store, "b").await.id();
    let counted = store
        .count_signings(&[signing(1, revoked, 40)])
        .await
        .unwrap();
    assert_eq!(counted, [Counted::Now]);
    store.revoke_key(revoked).await.unwrap();

    for expected in [Counted::Now, Counted::Before(other)] {
        let counted = store
            .count_signings(&[signing(1, other, 40)])
            .await
            .unwrap();
        assert_eq!(counted, [expected]);
    }

    assert_eq!(key(store, revoked).await.signed_total, 40);
    assert_eq!(key(store, other).await.signed_total, 40);
}
