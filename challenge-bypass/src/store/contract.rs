//! One suite that every engine must pass. Each function takes an empty store.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "this is test code, kept in the library so that every engine's tests can call it"
)]

mod fixtures;
mod redemptions;
mod signings;

use messages::{
    KeyId,
    directory::{CheckedChange, Entry, Event, KeyChange, KeySequence, OutOfTurn, check_chain},
    encoding::Fixed,
};

use super::{Added, Created, Store};
use crate::domain::{KeyChanged, directory_entry};
use fixtures::{days, issuer, key, new_key, sealer, stored_issuer, time};

/// Calls `$run` with the name and the future-making function of each case.
#[macro_export]
macro_rules! store_contract {
    ($run:path) => {
        $crate::store_contract!(@cases $run,
            an_issuer_is_created_once_with_its_first_key,
            a_key_that_overlaps_another_is_refused,
            a_public_key_is_of_one_issuer,
            a_revoked_key_makes_room_and_loses_its_secret,
            the_directory_is_a_chain_of_what_happened,
            the_directory_key_changes_once_and_in_turn,
            a_directory_is_put_back_with_its_keys_and_without_their_secrets,
            secrets_can_be_sealed_anew,
            secrets_of_ended_keys_are_forgotten,
            signings_are_counted_once,
            signings_of_a_revoked_key_are_not_counted,
            a_signing_of_a_revoked_key_is_moved_to_another,
            what_was_redeemed_stays_signed_when_its_key_is_revoked,
            tokens_are_spent_once_and_a_repeat_is_a_replay,
            other_groupings_of_spent_tokens_are_refused,
            a_batch_decides_each_redemption_alone,
            no_more_is_redeemed_than_was_signed,
            a_registry_that_is_behind_writes_nothing,
            a_revoked_key_redeems_nothing_new,
            of_many_simultaneous_spends_one_is_the_first,
            redemptions_of_ended_keys_are_forgotten,
        );
    };
    (@cases $run:path, $($case:ident,)*) => {
        $(
            #[tokio::test]
            async fn $case() {
                $run(async |store| $crate::store::contract::$case(store).await).await;
            }
        )*
    };
}

pub use redemptions::*;
pub use signings::*;

/// The first call creates, later ones show what is there.
pub async fn an_issuer_is_created_once_with_its_first_key(store: &dyn Store) {
    let first = new_key("a", days(0));
    assert_eq!(
        store.create_issuer(&issuer("a"), &first).await.unwrap(),
        Created::New
    );
    let mut other = issuer("a");
    other.terms.price = "0.5".parse().unwrap();

    let again = store
        .create_issuer(&other, &new_key("a", days(40)))
        .await
        .unwrap();

    assert_eq!(again, Created::Exists(issuer("a")));
    let (found, keys) = store.issuer(&issuer("a").name).await.unwrap().unwrap();
    assert_eq!(found, issuer("a"));
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0].facts, first.facts);
    assert_eq!((keys[0].signed_total, keys[0].redeemed_total), (0, 0));
    assert_eq!(store.issuers().await.unwrap(), [issuer("a")]);
    assert_eq!(store.issuer(&"A".parse().unwrap()).await.unwrap(), None);

    let stored = store.key(first.facts.id()).await.unwrap().unwrap();
    assert_eq!(stored.facts, first.facts);
    assert_eq!(stored.sealed, Some(first.sealed));
    assert!(
        store
            .key(KeyId::of(&Fixed([9; 32])))
            .await
            .unwrap()
            .is_none()
    );
}

/// Also when two processes rotate at once: the second finds the first's key.
pub async fn a_key_that_overlaps_another_is_refused(store: &dyn Store) {
    stored_issuer(store, "a").await;
    stored_issuer(store, "b").await;

    let add = async |name, from| store.add_key(&new_key(name, from)).await.unwrap();
    assert_eq!(add("a", days(29)).await, Added::Overlaps);
    assert_eq!(add("a", days(30)).await, Added::New);
    assert_eq!(add("a", days(30)).await, Added::Overlaps);
    assert_eq!(add("b", days(30)).await, Added::New);

    let (_, keys) = store.issuer(&issuer("a").name).await.unwrap().unwrap();
    let starts: Vec<_> = keys.iter().map(|key| key.facts.window.sign_from).collect();
    assert_eq!(starts, [days(0), days(30)]);
}

/// What was added after a backup, as others know it.
pub async fn a_directory_is_put_back_with_its_keys_and_without_their_secrets(store: &dyn Store) {
    let first = stored_issuer(store, "a").await;
    let later = new_key("a", days(30)).facts;
    let mut entries = store.directory().await.unwrap();
    for (facts, event) in [(&later, Event::Added), (&first, Event::Revoked)] {
        let entry = directory_entry(&issuer("a"), facts, event).after(entries.last());
        entries.push(entry);
    }
    let of_another = new_key("b", days(30)).facts;
    let other = directory_entry(&issuer("b"), &of_another, Event::Added).after(entries.first());

    let elsewhere = [entries[0].clone(), other];
    assert!(!store.restore_directory(&elsewhere).await.unwrap());
    assert!(!store.restore_directory(&entries[1..]).await.unwrap());
    assert_eq!(store.directory().await.unwrap(), entries[..1]);
    for _ in 0..2 {
        assert!(store.restore_directory(&entries).await.unwrap());
        assert_eq!(store.directory().await.unwrap(), entries);
    }
    assert!(store.restore_directory(&entries[..2]).await.unwrap());

    for (facts, revoked) in [(&first, true), (&later, false)] {
        let stored = store.key(facts.id()).await.unwrap().unwrap();
        assert_eq!((&stored.facts, stored.revoked), (facts, revoked));
        assert!(stored.sealed.is_none());
    }
}

/// A key has one row, whoever says that it is theirs: its totals and windows would be those of two.
pub async fn a_public_key_is_of_one_issuer(store: &dyn Store) {
    let first = stored_issuer(store, "a").await;
    stored_issuer(store, "b").await;
    let copy = |name, from| {
        let mut key = new_key(name, from);
        key.facts.public_key = first.public_key;
        key
    };

    assert!(store.add_key(&copy("a", days(30))).await.is_err());
    assert!(store.add_key(&copy("b", days(30))).await.is_err());
    let (third, its_key) = (issuer("c"), copy("c", days(0)));
    assert!(store.create_issuer(&third, &its_key).await.is_err());

    assert_eq!(store.issuer(&third.name).await.unwrap(), None);
    let stored = store.key(first.id()).await.unwrap().unwrap();
    assert_eq!(stored.facts, first);
    assert_eq!(store.directory().await.unwrap().len(), 2);
}

/// Revoking is for ever, and repeating it changes nothing.
pub async fn a_revoked_key_makes_room_and_loses_its_secret(store: &dyn Store) {
    let key = stored_issuer(store, "a").await;

    for _ in 0..2 {
        let revoked = store.revoke_key(key.id()).await.unwrap();
        assert_eq!(revoked, Some(issuer("a").name));
    }

    assert_eq!(
        store.revoke_key(KeyId::of(&Fixed([9; 32]))).await.unwrap(),
        None
    );
    let stored = store.key(key.id()).await.unwrap().unwrap();
    assert!(stored.revoked && stored.sealed.is_none());
    assert!(store.secrets().await.unwrap().is_empty());
    assert_eq!(
        store.add_key(&new_key("a", days(10))).await.unwrap(),
        Added::New
    );
    assert_eq!(store.directory().await.unwrap().len(), 3);
}

/// Each change of keys appends one entry, chained to the one before.
pub async fn the_directory_is_a_chain_of_what_happened(store: &dyn Store) {
    assert_eq!(store.directory().await.unwrap(), []);
    let first = stored_issuer(store, "a").await;
    let second = new_key("a", days(30));
    assert_eq!(store.add_key(&second).await.unwrap(), Added::New);
    assert_eq!(
        store.add_key(&new_key("a", days(30))).await.unwrap(),
        Added::Overlaps
    );
    store.revoke_key(first.id()).await.unwrap();

    let entries = store.directory().await.unwrap();

    assert_eq!(check_chain(&entries), Ok(()));
    let told: Vec<_> = entries
        .iter()
        .map(|entry| entry.issuer_key().unwrap())
        .map(|entry| (entry.key_id, entry.event))
        .collect();
    let expected = [
        (first.id(), Event::Added),
        (second.facts.id(), Event::Added),
        (first.id(), Event::Revoked),
    ];
    assert_eq!(told, expected);
    let entry = entries[1].issuer_key().unwrap();
    assert_eq!(entry.issuer, "a");
    assert_eq!(entry.public_key, second.facts.public_key);
    assert_eq!(entry.base_vote_value, issuer("a").terms.price);
    assert_eq!(entry.sign_from, days(30));
    assert_eq!(entry.redeem_until, days(90));
}

/// A repeat changes nothing, and what does not go on from the last change is refused.
pub async fn the_directory_key_changes_once_and_in_turn(store: &dyn Store) {
    stored_issuer(store, "a").await;
    let change = |previous: u8, new: u8| -> CheckedChange {
        let [previous, new] =
            [previous, new].map(|seed| ed25519_dalek::SigningKey::from_bytes(&[seed; 32]));
        KeyChange::sign(&previous, &new).check().unwrap()
    };
    let changed = async |change| store.change_directory_key(&change).await.unwrap();

    assert_eq!(changed(change(1, 2)).await, KeyChanged::Now);
    assert_eq!(changed(change(1, 2)).await, KeyChanged::Before);
    let refused = [
        (change(1, 3), OutOfTurn::NotInForce),
        (change(2, 1), OutOfTurn::Returns),
    ];
    for (change, cause) in refused {
        assert_eq!(changed(change).await, KeyChanged::Refused(cause));
    }
    stored_issuer(store, "b").await;
    assert_eq!(changed(change(2, 3)).await, KeyChanged::Now);

    let entries = store.directory().await.unwrap();
    assert_eq!(check_chain(&entries), Ok(()));
    let about_keys: Vec<_> = entries
        .iter()
        .map(|entry| matches!(entry, Entry::DirectoryKey(_)))
        .collect();
    assert_eq!(about_keys, [false, true, false, true]);
    let keys = KeySequence::of(&entries).unwrap();
    assert_eq!(keys.last(), Some(change(2, 3).new_key()));
}

/// What is sealed anew opens as before, and what was deleted stays deleted.
pub async fn secrets_can_be_sealed_anew(store: &dyn Store) {
    let kept = stored_issuer(store, "a").await;
    let revoked = stored_issuer(store, "b").await;
    let secrets = store.secrets().await.unwrap();
    assert_eq!(secrets.len(), 2);
    let mut again = new_key("a", days(0)).sealed;
    again.nonce = [7; 24];
    store.revoke_key(revoked.id()).await.unwrap();

    let sealed = [(kept.id(), again.clone()), (revoked.id(), again.clone())];
    assert_eq!(store.reseal(&sealed).await.unwrap(), 1);

    assert_eq!(
        store.key(kept.id()).await.unwrap().unwrap().sealed,
        Some(again)
    );
    assert_eq!(store.key(revoked.id()).await.unwrap().unwrap().sealed, None);
    let opened = secrets
        .iter()
        .find(|stored| stored.facts == kept)
        .map(|stored| sealer().open(stored.sealed.as_ref().unwrap(), &stored.facts));
    assert!(opened.unwrap().is_ok());
}

/// A secret outlives its key's `redeem_until` by the grace, and no longer.
pub async fn secrets_of_ended_keys_are_forgotten(store: &dyn Store) {
    let ended = stored_issuer(store, "a").await;
    let later = new_key("a", days(30));
    assert_eq!(store.add_key(&later).await.unwrap(), Added::New);

    assert_eq!(store.forget_secrets(days(60)).await.unwrap(), 0);
    assert_eq!(store.forget_secrets(days(61)).await.unwrap(), 1);

    let secrets = store.secrets().await.unwrap();
    assert_eq!(secrets.len(), 1);
    assert_eq!(secrets[0].facts, later.facts);
    assert_eq!(key(store, ended.id()).await.signed_total, 0);
    assert_eq!(time("2026-01-01T00:00:00Z"), days(0));
    store.forget_deleted().await.unwrap();
    store.check().await.unwrap();
}
