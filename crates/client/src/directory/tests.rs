mod keys;

use chrono::{DateTime, TimeDelta, TimeZone as _, Utc};
use ed25519_dalek::SigningKey;
use messages::{
    FundingSource, KeyId, PublicKey,
    challenge_bypass::Derivation,
    directory::{CHAIN_START, Event, IssuerKeyEntry, KeyChange},
    encoding::Fixed,
};
use proptest::prelude::*;

use super::{
    rules::{Refusal, judge},
    *,
};
use crate::sku::Sku;

/// Counted from the first of January.
fn at(day: i64) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 1, 0, 0, 0).unwrap() + TimeDelta::days(day)
}

fn sku() -> Sku {
    Sku {
        issuer: "an issuer".to_owned(),
        price: "0.25".parse().unwrap(),
        currency: "BAT".to_owned(),
    }
}

/// The directory key of a seed. The first one is that of 9.
fn directory_key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

/// A directory that grows as a test says, and the seed of its present key.
#[derive(Clone)]
struct Book(Directory, u8);

impl Default for Book {
    fn default() -> Self {
        Self(Directory::default(), 9)
    }
}

impl Book {
    fn entry(self, key: u8, days: std::ops::Range<i64>, event: Event) -> Self {
        let public_key: PublicKey = Fixed([key; 32]);
        let entry = Entry::IssuerKey(IssuerKeyEntry {
            index: 0,
            issuer: sku().issuer,
            key_id: KeyId::of(&public_key),
            public_key,
            derivation: Derivation::Rfc9497,
            funding_source: FundingSource::UserWallet,
            base_vote_value: "0.25".parse().unwrap(),
            sign_from: at(days.start),
            sign_until: at(days.end),
            redeem_until: at(days.end + 30),
            event,
            hash: CHAIN_START,
        });
        self.push(entry)
    }

    /// As the last key, but one whose tokens lapse `days` after its sale.
    fn lapsing_after(mut self, days: i64) -> Self {
        let Some(Entry::IssuerKey(mut entry)) = self.0.entries.pop() else {
            panic!("the last entry is a key's");
        };
        entry.redeem_until = entry.sign_until + TimeDelta::days(days);
        self.push(Entry::IssuerKey(entry))
    }

    fn push(mut self, entry: Entry) -> Self {
        self.0.entries.push(entry.after(self.0.entries.last()));
        self
    }

    /// Changes the directory key to that of `seed`.
    fn key(mut self, seed: u8) -> Self {
        let change = KeyChange::sign(&directory_key(self.1), &directory_key(seed));
        self.1 = seed;
        self.push((&change.check().unwrap()).into())
    }

    fn added(self, key: u8, days: std::ops::Range<i64>) -> Self {
        self.entry(key, days, Event::Added)
    }

    fn revoked(self, key: u8, days: std::ops::Range<i64>) -> Self {
        self.entry(key, days, Event::Revoked)
    }

    fn head(mut self, day: i64) -> Self {
        let head = Head::sign(
            at(day).date_naive(),
            &self.0.entries,
            &directory_key(self.1),
        );
        self.0.heads.push(head);
        self
    }

    /// What a client thinks whose witness has seen the same.
    fn verified(&self) -> Verified {
        self.check(&Memory::default(), std::slice::from_ref(&self.0.heads))
            .unwrap()
    }

    fn check(&self, memory: &Memory, witnesses: &[Vec<Head>]) -> Result<Verified, DirectoryError> {
        self.check_pinning(9, memory, witnesses)
    }

    /// What a client thinks that pins the key of `seed`.
    fn check_pinning(
        &self,
        seed: u8,
        memory: &Memory,
        witnesses: &[Vec<Head>],
    ) -> Result<Verified, DirectoryError> {
        let pinned = directory_key(seed).verifying_key();
        Verified::check(&self.0, memory, &pinned, witnesses, &Profile::default())
    }

    fn refusals(&self) -> Vec<Option<Refusal>> {
        let verdict = judge(&self.verified(), &Profile::default());
        verdict.keys.iter().map(|judged| judged.refusal).collect()
    }
}

#[test]
fn a_key_that_was_announced_in_time_sells_in_its_window() {
    let book = Book::default().added(1, 2..32).head(1);
    let profile = Profile::default();

    let verdict = judge(&book.verified(), &profile);

    let sold = |time| verdict.is_sold(FundingSource::UserWallet, &sku(), time, &profile);
    assert!(sold(at(2)));
    assert!(!sold(at(2) - TimeDelta::minutes(61)));
    assert!(sold(at(32) + TimeDelta::minutes(59)));
    assert!(!sold(at(33)));
}

#[test]
fn a_key_of_another_issuer_value_or_funding_source_sells_nothing() {
    let book = Book::default().added(1, 2..32).head(1);
    let profile = Profile::default();
    let verdict = judge(&book.verified(), &profile);
    let sold = |source, sku: &Sku| verdict.is_sold(source, sku, at(3), &profile);
    let (mut other, mut dearer) = (sku(), sku());
    other.issuer.push('s');
    dearer.price = "0.5".parse().unwrap();

    assert!(sold(FundingSource::UserWallet, &sku()));
    assert!(!sold(FundingSource::AnonymousCard, &sku()));
    assert!(!sold(FundingSource::UserWallet, &other));
    assert!(!sold(FundingSource::UserWallet, &dearer));
}

#[test]
fn a_key_that_breaks_a_rule_is_refused_with_its_reason() {
    let late = Book::default().added(1, 2..32).head(2);
    assert_eq!(late.refusals(), [Some(Refusal::AnnouncedLate)]);

    let short = Book::default().added(1, 2..8).head(0);
    assert_eq!(short.refusals(), [Some(Refusal::WindowTooShort)]);

    let overlapping = Book::default().added(1, 2..32).added(2, 31..61).head(0);
    assert_eq!(overlapping.refusals(), [None, Some(Refusal::Overlap)]);

    let often = Book::default()
        .added(1, 2..10)
        .added(2, 10..18)
        .added(3, 18..48)
        .head(0);
    assert_eq!(often.refusals(), [None, None, Some(Refusal::TooManyKeys)]);

    let twice = Book::default().added(1, 2..32).added(1, 32..62).head(0);
    assert_eq!(twice.refusals(), [None, Some(Refusal::Identity)]);

    let mut legacy = Book::default().added(1, 2..32);
    let mut entry = legacy.0.entries[0].issuer_key().unwrap().clone();
    entry.derivation = Derivation::Legacy;
    legacy.0.entries[0] = Entry::IssuerKey(entry).after(None);
    assert_eq!(legacy.head(0).refusals(), [Some(Refusal::LegacyDerivation)]);
}

#[test]
fn a_key_that_leaves_no_week_for_votes_after_its_sale_is_not_used() {
    let refused = |days| {
        let book = Book::default().added(1, 2..32).lapsing_after(days);
        book.head(0).refusals()
    };

    assert_eq!(refused(0), [Some(Refusal::LapsesTooSoon)]);
    assert_eq!(refused(8), [Some(Refusal::LapsesTooSoon)]);
    assert_eq!(refused(9), [None]);
}

#[test]
fn keys_that_follow_each_other_by_the_month_are_all_used() {
    let book = Book::default()
        .added(1, 2..32)
        .added(2, 32..62)
        .added(3, 62..92)
        .head(0);

    assert_eq!(book.refusals(), [None, None, None]);
}

#[test]
fn one_revoked_key_is_forgiven_and_the_next_warns_and_counts() {
    let forgiven = Book::default()
        .added(1, 2..32)
        .head(1)
        .revoked(1, 2..32)
        .head(5)
        .added(2, 7..37)
        .head(6);
    let verdict = judge(&forgiven.verified(), &Profile::default());
    let refusals: Vec<_> = verdict.keys.iter().map(|judged| judged.refusal).collect();
    assert_eq!(refusals, [None, None]);
    assert_eq!(verdict.keys[0].key.sign_until, at(5));
    assert!(!verdict.warn_of_revocations);

    let second = forgiven
        .revoked(2, 7..37)
        .head(10)
        .added(3, 12..42)
        .head(11);
    let verdict = judge(&second.verified(), &Profile::default());
    assert!(verdict.warn_of_revocations);
    assert_eq!(verdict.keys[2].refusal, Some(Refusal::Overlap));
}

#[test]
fn heads_count_only_with_a_witness_and_up_to_the_first_difference() {
    let seen = Book::default().added(1, 2..32).head(0);
    let shown = seen.clone().added(2, 32..62).head(1);
    let of = |witness: &Book| {
        shown
            .check(&Memory::default(), std::slice::from_ref(&witness.0.heads))
            .unwrap()
    };
    assert_eq!(of(&seen).entries().len(), 1);
    assert_eq!(of(&shown).entries().len(), 2);
    assert_eq!(shown.check(&Memory::default(), &[]).unwrap().entries(), []);

    let others = seen.added(3, 32..62).head(1);
    let split = of(&others);
    assert!(split.split_view());
    assert_eq!(split.entries().len(), 1);
}

#[test]
fn a_witness_cannot_frighten_with_heads_that_nobody_signed() {
    let shown = Book::default().added(1, 2..32).head(0).head(1);
    let mut forged = shown.0.heads.clone();
    forged[1].hash = Fixed([1; 32]);

    let verified = shown.check(&Memory::default(), &[forged]).unwrap();

    assert!(!verified.split_view());
    assert_eq!(verified.heads().len(), 1);
}

#[test]
fn a_directory_that_forgets_or_changes_what_was_seen_is_refused() {
    let seen = Book::default()
        .added(1, 2..32)
        .head(0)
        .added(2, 32..62)
        .head(1);
    let memory = Memory::of(&seen.0);
    let longer = seen.clone().head(2);
    assert!(longer.check(&memory, &[]).is_ok());

    let shorter = Book::default().added(1, 2..32).head(0);
    let other = Book::default().added(3, 2..32).head(0).head(1);
    let earlier = Book::default()
        .added(1, 2..32)
        .added(2, 32..62)
        .head(0)
        .head(1);
    for changed in [shorter, other, earlier] {
        assert_eq!(changed.check(&memory, &[]), Err(DirectoryError::Forgotten));
    }
}

#[test]
fn heads_must_be_in_order_and_signed() {
    let mut swapped = Book::default().added(1, 2..32).head(0).head(1);
    swapped.0.heads.swap(0, 1);
    let day = at(0).date_naive();
    let refused = swapped.check(&Memory::default(), &[]);
    assert_eq!(refused, Err(DirectoryError::Head { day }));

    let book = Book::default().added(1, 2..32).head(0);
    let refused = book.check_pinning(8, &Memory::default(), &[]);
    assert_eq!(refused, Err(DirectoryError::Signature { day }));
}

proptest! {
    #[test]
    fn any_altered_byte_of_the_directory_is_refused_or_says_the_same(
        place in 0..10_000_usize,
        byte in 32..127_u8,
    ) {
        let book = Book::default().added(1, 2..32).head(0).key(8).added(2, 32..62).head(1);
        let mut text = serde_json::to_vec(&book.0).unwrap();
        let place = place % text.len();
        text[place] = byte;

        let Ok(changed) = serde_json::from_slice::<Directory>(&text) else {
            return Ok(());
        };
        let checked = Book(changed.clone(), 9).check(&Memory::default(), &[]);

        prop_assert!(checked.is_err() || changed == book.0);
    }

    #[test]
    fn a_longer_prefix_of_heads_never_takes_a_key_away(heads in 1..6_usize) {
        let mut book = Book::default().added(1, 2..32).head(0);
        let mut usable = 0;
        for day in 1..=heads {
            let start = 2 + 30 * i64::try_from(day).unwrap();
            book = book
                .added(u8::try_from(day + 1).unwrap(), start..start + 30)
                .head(i64::try_from(day).unwrap());
            let now = book.refusals().iter().filter(|refusal| refusal.is_none()).count();
            prop_assert!(now > usable);
            usable = now;
        }
    }
}
