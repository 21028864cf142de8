use chrono::{TimeZone as _, Utc};
use sha2::{Digest as _, Sha256};

use super::*;
use crate::{FundingSource, KeyId, challenge_bypass::Derivation};

pub(super) fn entries(count: u64) -> Vec<Entry> {
    let mut entries = Vec::<Entry>::new();
    for index in 0..count {
        let public_key = Fixed([u8::try_from(index).unwrap(); 32]);
        let entry = Entry::IssuerKey(IssuerKeyEntry {
            index,
            issuer: "brave.com?sku=user-wallet-vote".to_owned(),
            key_id: KeyId::of(&public_key),
            public_key,
            derivation: Derivation::Rfc9497,
            funding_source: FundingSource::UserWallet,
            base_vote_value: "0.25".parse().unwrap(),
            sign_from: Utc.with_ymd_and_hms(2026, 1, 3, 0, 0, 0).unwrap(),
            sign_until: Utc.with_ymd_and_hms(2026, 2, 2, 0, 0, 0).unwrap(),
            redeem_until: Utc.with_ymd_and_hms(2026, 3, 4, 0, 0, 0).unwrap(),
            event: Event::Added,
            hash: CHAIN_START,
        });
        entries.push(entry.after(entries.last()));
    }
    entries
}

fn renamed_entry(entry: &Entry) -> Entry {
    let mut entry = entry.issuer_key().unwrap().clone();
    entry.issuer.push('x');
    Entry::IssuerKey(entry)
}

/// The change from the key of one seed to that of another.
pub(super) fn change(previous: u8, new: u8) -> KeyChange {
    let [previous, new] = [previous, new].map(|seed| SigningKey::from_bytes(&[seed; 32]));
    KeyChange::sign(&previous, &new)
}

#[test]
fn a_chain_is_accepted_and_any_change_in_it_is_found() {
    let good = entries(3);
    assert_eq!(check_chain(&good), Ok(()));
    assert_eq!(check_chain(&[]), Ok(()));

    let mut renamed = good.clone();
    renamed[1] = renamed_entry(&renamed[1]);
    assert_eq!(check_chain(&renamed), Err(BrokenChain { index: 1 }));

    let mut dated = good.clone();
    let mut entry = dated[2].issuer_key().unwrap().clone();
    entry.redeem_until += chrono::TimeDelta::seconds(1);
    dated[2] = Entry::IssuerKey(entry);
    assert_eq!(check_chain(&dated), Err(BrokenChain { index: 2 }));

    let mut without_first = good.clone();
    without_first.remove(0);
    assert_eq!(check_chain(&without_first), Err(BrokenChain { index: 0 }));

    let mut swapped = good;
    swapped.swap(0, 1);
    assert_eq!(check_chain(&swapped), Err(BrokenChain { index: 0 }));
}

#[test]
fn a_head_is_valid_only_as_it_was_signed() {
    let key = SigningKey::from_bytes(&[9; 32]);
    let day = NaiveDate::from_ymd_opt(2026, 1, 2).unwrap();
    let head = Head::sign(day, &entries(2), &key);
    let public = key.verifying_key();
    assert!(head.is_signed_by(&public));
    assert!(!head.is_signed_by(&SigningKey::from_bytes(&[8; 32]).verifying_key()));

    let mut later = head.clone();
    later.day = day.succ_opt().unwrap();
    let mut longer = head.clone();
    longer.size += 1;
    let mut other = head;
    other.hash = Fixed([1; 32]);
    for changed in [later, longer, other] {
        assert!(!changed.is_signed_by(&public));
    }
}

#[test]
fn a_head_is_signed_over_the_hash_of_these_bytes() {
    let key = SigningKey::from_bytes(&[9; 32]);
    let entries = entries(2);
    let hash = entries[1].hash();
    let bytes = [
        b"\0\0\0\x13bt/directory-head/1\0\0\0\x0a2026-01-02".as_slice(),
        b"\0\0\0\x08\0\0\0\0\0\0\0\x02\0\0\0\x20",
        hash.as_bytes(),
    ];
    let signature = key.sign(&Sha256::digest(bytes.concat()));

    let head = Head::sign("2026-01-02".parse().unwrap(), &entries, &key);

    assert_eq!(head.signature, Fixed(signature.to_bytes()));
}

#[test]
fn a_head_covers_the_entries_that_it_was_signed_over_and_all_that_begin_with_them() {
    let key = SigningKey::from_bytes(&[9; 32]);
    let day = NaiveDate::from_ymd_opt(2026, 1, 2).unwrap();
    let of = |count| Head::sign(day, &entries(count), &key);
    let mut other = entries(3);
    other[1] = renamed_entry(&other[1]).after(Some(&other[0]));

    assert!(of(2).covers(&entries(2)) && of(2).covers(&entries(3)));
    assert!(of(0).covers(&[]) && of(0).covers(&entries(1)));
    assert!(!of(2).covers(&entries(1)) && !of(2).covers(&other));
    assert!(of(1).covers(&other));
}

#[test]
fn the_form_of_an_entry_does_not_drift() {
    insta::assert_json_snapshot!(entries(1));
}

#[test]
fn the_form_of_an_entry_about_the_directory_key_does_not_drift() {
    let entries = entries(1);
    let entry = Entry::from(&change(1, 2).check().unwrap()).after(entries.last());

    insta::assert_json_snapshot!(entry);
}

#[test]
fn an_entry_with_members_of_another_kind_or_of_none_is_refused() {
    let issuer_key = serde_json::to_value(&entries(1)[0]).unwrap();
    let change = Entry::from(&change(1, 2).check().unwrap());
    let directory_key = serde_json::to_value(change).unwrap();
    let read = |value: &serde_json::Value| serde_json::from_value::<Entry>(value.clone()).is_ok();
    for entry in [&issuer_key, &directory_key] {
        assert!(read(entry));
        for (name, value) in [
            ("note", "x".into()),
            ("previousKey", directory_key["previousKey"].clone()),
            ("issuer", "x".into()),
        ] {
            let mut more = entry.clone();
            let before = more.as_object_mut().unwrap().insert(name.to_owned(), value);
            assert!(before.is_some() || !read(&more), "{name}");
        }
        let mut renamed = entry.clone();
        renamed["event"] = "replaced".into();
        assert!(!read(&renamed));
        for name in entry.as_object().unwrap().keys() {
            let mut less = entry.clone();
            less.as_object_mut().unwrap().remove(name);
            assert!(!read(&less), "{name}");
        }
    }
    let mut noted = directory_key;
    noted["signatures"]["third"] = "x".into();
    assert!(!read(&noted));
    let twice = serde_json::to_string(&entries(1)[0]).unwrap();
    let twice = twice.replacen('{', "{\"index\":0,", 1);
    assert!(serde_json::from_str::<Entry>(&twice).is_err());
}
