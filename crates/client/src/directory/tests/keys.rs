//! Directories whose key changes.

use super::*;

/// The first key, an issuer key, the change, and an issuer key after it.
fn changed() -> Book {
    Book::default()
        .added(1, 2..32)
        .head(0)
        .key(8)
        .added(2, 32..62)
        .head(1)
}

#[test]
fn a_client_that_pins_any_key_of_a_directory_takes_what_each_of_its_keys_signed() {
    let book = changed();
    let seen = std::slice::from_ref(&book.0.heads);
    for pinned in [9, 8] {
        let verified = book.check_pinning(pinned, &Memory::default(), seen);
        let verified = verified.unwrap();
        assert_eq!(verified.heads().len(), 2);
        let verdict = judge(&verified, &Profile::default());
        assert_eq!(verdict.keys.len(), 2);
        assert!(verdict.keys.iter().all(|judged| judged.refusal.is_none()));
    }
    let refused = book.check_pinning(7, &Memory::default(), seen);
    assert_eq!(refused, Err(PinError::Unknown.into()));
}

#[test]
fn a_client_remembers_across_a_change_of_the_directory_key() {
    let before = Book::default().added(1, 2..32).head(0);
    let memory = Memory::of(&before.0);
    for pinned in [9, 8] {
        let checked = changed().check_pinning(pinned, &memory, &[]);
        assert!(checked.is_ok(), "{checked:?}");
    }
    let after = Memory::of(&changed().0);
    let forgetful = before.head(1);
    let refused = forgetful.check(&after, &[]);
    assert_eq!(refused, Err(DirectoryError::Forgotten));
}

#[test]
fn a_head_that_a_key_signed_before_or_after_its_time_is_refused() {
    let mut late = changed();
    // The old key goes on signing.
    late.1 = 9;
    let day = at(2).date_naive();
    let refused = late.head(2).check(&Memory::default(), &[]);
    assert_eq!(refused, Err(DirectoryError::Signature { day }));

    let mut early = Book::default().added(1, 2..32);
    early.1 = 8;
    let mut early = early.head(0);
    early.1 = 9;
    let day = at(0).date_naive();
    let refused = early.key(8).head(1).check(&Memory::default(), &[]);
    assert_eq!(refused, Err(DirectoryError::Signature { day }));
}

#[test]
fn a_key_that_the_old_one_did_not_let_in_is_refused_whatever_it_signs() {
    let mut change = KeyChange::sign(&directory_key(9), &directory_key(8));
    let alone = KeyChange::sign(&directory_key(7), &directory_key(8));
    let checked = change.check().unwrap();
    change.signatures.previous = alone.signatures.previous;
    let mut forged = Book::default().added(1, 2..32).head(0);
    let Entry::DirectoryKey(mut entry) = Entry::from(&checked) else {
        unreachable!("a change makes an entry about the directory key");
    };
    entry.signatures = change.signatures;
    forged = forged.push(Entry::DirectoryKey(entry));
    forged.1 = 8;
    let forged = forged.head(1);

    for pinned in [9, 8] {
        let refused = forged.check_pinning(pinned, &Memory::default(), &[]);
        assert!(matches!(
            refused,
            Err(DirectoryError::Key(PinError::Broken(_)))
        ));
    }
}

#[test]
fn a_witness_is_heard_by_the_key_in_force_where_its_head_ends() {
    let shown = changed();
    // The old key's holder signs another history for the witness, after the change.
    let mut others = Book::default().added(1, 2..32).head(0).added(3, 32..62);
    others = others.added(4, 62..92).head(1);
    let verified = shown
        .check(&Memory::default(), std::slice::from_ref(&others.0.heads))
        .unwrap();
    assert!(!verified.split_view());
    assert_eq!(verified.heads().len(), 1);

    let split = shown.clone().added(5, 92..122).head(2);
    let witness = shown.added(6, 92..122).head(2);
    let verified = split
        .check(&Memory::default(), std::slice::from_ref(&witness.0.heads))
        .unwrap();
    assert!(verified.split_view());
    assert_eq!(verified.heads().len(), 2);
}
