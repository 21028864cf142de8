use sha2::{Digest as _, Sha256};

use super::*;
use crate::directory::tests::{change, entries};

fn secret(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn key(seed: u8) -> VerifyingKey {
    secret(seed).verifying_key()
}

/// A chain that begins with an issuer key, and changes the directory key as `changes` say.
fn chain(changes: &[KeyChange]) -> Vec<Entry> {
    let mut chain = entries(1);
    for change in changes {
        // Unchecked, as whoever writes a chain by hand would.
        let Entry::DirectoryKey(mut entry) = Entry::from(&self::change(1, 2).check().unwrap())
        else {
            unreachable!("a change makes an entry about the directory key");
        };
        entry.key_id = KeyId::of(&change.public_key);
        entry.public_key = change.public_key;
        entry.previous_key = change.previous_key;
        entry.signatures = change.signatures;
        chain.push(Entry::DirectoryKey(entry).after(chain.last()));
    }
    chain
}

fn refusal(changes: &[KeyChange]) -> Option<InvalidChange> {
    KeySequence::of(&chain(changes))
        .err()
        .map(|error| error.cause)
}

#[test]
fn a_change_is_signed_over_the_hash_of_these_bytes() {
    let (previous, new) = (key(1).to_bytes(), key(2).to_bytes());
    let bytes = [
        b"\0\0\0\x12bt/directory-key/1\0\0\0\x20".as_slice(),
        &previous,
        b"\0\0\0\x20",
        &new,
    ];
    let digest = Sha256::digest(bytes.concat());

    let change = change(1, 2);

    let by = |seed| Fixed(secret(seed).sign(&digest).to_bytes());
    assert_eq!(change.signatures.previous, by(1));
    assert_eq!(change.signatures.new, by(2));
    assert_eq!(change.previous_key, Fixed(key(1).to_bytes()));
    assert_eq!(change.public_key, Fixed(key(2).to_bytes()));
}

#[test]
fn a_change_needs_both_signatures() {
    let good = change(1, 2);
    assert_eq!(good.check().unwrap().change(), good);

    let mut forged = good;
    forged.signatures.previous = change(3, 2).signatures.previous;
    assert_eq!(forged.check(), Err(UnsignedChange::Previous));
    let mut claimed = good;
    claimed.signatures.new = change(1, 3).signatures.new;
    assert_eq!(claimed.check(), Err(UnsignedChange::New));
    let mut reversed = good;
    (reversed.public_key, reversed.previous_key) = (good.previous_key, good.public_key);
    assert_eq!(reversed.check(), Err(UnsignedChange::Previous));
    // Not a point of the curve.
    let mut no_key = good;
    no_key.public_key = Fixed([2; 32]);
    assert!(no_key.check().is_err());

    assert_eq!(refusal(&[good]), None);
    assert_eq!(refusal(&[forged]), Some(UnsignedChange::Previous.into()));
    assert_eq!(refusal(&[claimed]), Some(UnsignedChange::New.into()));
}

#[test]
fn a_change_replaces_the_key_in_force_by_one_that_never_was() {
    assert_eq!(refusal(&[change(1, 2), change(2, 3)]), None);

    let skips = [change(1, 2), change(1, 3)];
    assert_eq!(refusal(&skips), Some(OutOfTurn::NotInForce.into()));
    let foreign = [change(1, 2), change(4, 3)];
    assert_eq!(refusal(&foreign), Some(OutOfTurn::NotInForce.into()));
    let back = [change(1, 2), change(2, 1)];
    assert_eq!(refusal(&back), Some(OutOfTurn::Returns.into()));
    let again = [change(1, 2), change(2, 3), change(3, 2)];
    assert_eq!(refusal(&again), Some(OutOfTurn::Returns.into()));
    assert_eq!(refusal(&[change(1, 1)]), Some(OutOfTurn::Returns.into()));
}

#[test]
fn an_entry_names_its_key_by_the_keys_own_id() {
    let mut entries = chain(&[change(1, 2)]);
    let Entry::DirectoryKey(entry) = &mut entries[1] else {
        panic!("the second entry changes the directory key");
    };
    entry.key_id = KeyId::of(&Fixed([7; 32]));

    let refused = KeySequence::of(&entries).unwrap_err();

    assert_eq!(refused.index, 1);
    assert_eq!(refused.cause, InvalidChange::KeyId);
}

#[test]
fn any_key_of_the_sequence_may_be_pinned_and_no_other() {
    let entries = chain(&[change(1, 2), change(2, 3)]);
    for seed in 1..=3 {
        let keys = KeySequence::pinned(&entries, key(seed)).unwrap();
        assert_eq!(keys.last(), Some(&key(3)));
    }
    assert_eq!(
        KeySequence::pinned(&entries, key(4)),
        Err(PinError::Unknown)
    );

    let never_changed = KeySequence::pinned(&entries[..1], key(4)).unwrap();
    assert_eq!(never_changed, KeySequence::of_one(key(4)));
    assert!(KeySequence::of(&entries[..1]).unwrap().is_empty());
}

#[test]
fn a_head_is_signed_by_the_key_in_force_at_its_size() {
    // The change is entry 1: heads of size 2 and more are the new key's.
    let entries = chain(&[change(1, 2)]);
    let keys = KeySequence::of(&entries).unwrap();
    let signed = |size: usize, seed| {
        let day = "2026-01-02".parse().unwrap();
        keys.signed(&Head::sign(day, &entries[..size], &secret(seed)))
    };

    assert!(signed(0, 1) && signed(1, 1) && signed(2, 2));
    assert!(!signed(0, 2) && !signed(1, 2) && !signed(2, 1));
    assert!(!signed(1, 3) && !signed(2, 3));
    let none = KeySequence::default();
    let day = "2026-01-02".parse().unwrap();
    assert!(!none.signed(&Head::sign(day, &entries, &secret(2))));
}
