//! What payments knows of issuer keys: the directory that it serves (contracts §5), read.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use messages::{
    FundingSource, KeyId, PublicKey,
    directory::{BrokenChain, Directory, Entry, Event, IssuerKeyEntry, check_chain},
    money::Amount,
};

/// A key that is in the directory.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KnownKey {
    /// Its id.
    pub id: KeyId,
    /// The key.
    pub public_key: PublicKey,
    /// Who signs with it.
    pub issuer: String,
    /// Whose money its tokens stand for.
    pub funding_source: FundingSource,
    /// What one token is worth.
    pub value: Amount,
    /// It signs from here on.
    pub sign_from: DateTime<Utc>,
    /// It signs until here.
    pub sign_until: DateTime<Utc>,
    /// It redeems until here.
    pub redeem_until: DateTime<Utc>,
    /// Whether it was revoked.
    pub revoked: bool,
    /// The day of the first head that covers it.
    pub appeared: Option<NaiveDate>,
}

impl KnownKey {
    /// Whether clients that ask for `notice` accept signatures under this key now: published in time, in its window,
    /// not revoked.
    fn sells(&self, now: DateTime<Utc>, notice: TimeDelta) -> bool {
        let in_time = self
            .appeared
            .is_some_and(|day| day.and_time(NaiveTime::MIN).and_utc() + notice <= self.sign_from);
        // Without notice there is nothing to be in time for, but the key must still be published.
        let published = self.appeared.is_some() && notice.is_zero();
        (in_time || published) && !self.revoked && self.sign_from <= now && now < self.sign_until
    }
}

/// All keys of the directory.
#[derive(Clone, Debug, Default)]
pub struct Keys(HashMap<KeyId, KnownKey>);

impl Keys {
    /// Reads a directory that is known to be a chain.
    pub fn of(directory: &Directory) -> Self {
        let mut keys = HashMap::<KeyId, KnownKey>::new();
        for entry in directory.entries.iter().filter_map(Entry::issuer_key) {
            match entry.event {
                Event::Added => {
                    // A second entry for one key is not the first one's terms: those never change.
                    keys.entry(entry.key_id)
                        .or_insert_with(|| added(entry, directory));
                }
                Event::Revoked => {
                    if let Some(key) = keys.get_mut(&entry.key_id) {
                        key.revoked = true;
                    }
                }
            }
        }
        Self(keys)
    }

    /// The key of this id.
    pub fn get(&self, id: KeyId) -> Option<&KnownKey> {
        self.0.get(&id)
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &KnownKey> {
        self.0.values()
    }

    /// The key that tokens of `issuer` are signed with now, if clients can have confirmed it.
    pub fn sellable(
        &self,
        issuer: &str,
        now: DateTime<Utc>,
        notice: TimeDelta,
    ) -> Option<&KnownKey> {
        self.0
            .values()
            .find(|key| key.issuer == issuer && key.sells(now, notice))
    }
}

fn added(entry: &IssuerKeyEntry, directory: &Directory) -> KnownKey {
    let covering = directory
        .heads
        .iter()
        .filter(|head| entry.index < head.size);
    KnownKey {
        id: entry.key_id,
        public_key: entry.public_key,
        issuer: entry.issuer.clone(),
        funding_source: entry.funding_source,
        value: entry.base_vote_value,
        sign_from: entry.sign_from,
        sign_until: entry.sign_until,
        redeem_until: entry.redeem_until,
        revoked: false,
        appeared: covering.map(|head| head.day).min(),
    }
}

/// The entries of `fetched` that are not `known` yet.
///
/// Refused is whatever is no chain or does not begin with what is known: heads were signed over those entries, and
/// clients remember them.
pub fn extension<'a>(known: &[Entry], fetched: &'a [Entry]) -> Result<&'a [Entry], NotAnExtension> {
    check_chain(fetched)?;
    let (before, new) = fetched
        .split_at_checked(known.len())
        .ok_or(NotAnExtension::Shorter)?;
    if before == known {
        Ok(new)
    } else {
        Err(NotAnExtension::Changed)
    }
}

/// Why a fetched directory cannot be published.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotAnExtension {
    /// An entry that was published reads otherwise now.
    #[error("the key directory was changed where it had been published")]
    Changed,
    /// It is no chain.
    #[error(transparent)]
    NoChain(#[from] BrokenChain),
    /// It has fewer entries than were published.
    #[error("the key directory is shorter than what had been published")]
    Shorter,
}

#[cfg(test)]
pub(crate) mod tests {
    use ed25519_dalek::SigningKey;
    use messages::{
        challenge_bypass::Derivation,
        directory::{CHAIN_START, Head},
        encoding::Fixed,
    };

    use super::*;

    const ISSUER: &str = "brave.com?sku=user-wallet-vote";

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// A directory in which each key signs for 30 days from 2026-01-03 on.
    pub(crate) fn entries(events: &[(u8, Event)]) -> Vec<Entry> {
        let mut entries = Vec::<Entry>::new();
        for (key, event) in events {
            let public_key = Fixed([*key; 32]);
            let entry = Entry::IssuerKey(IssuerKeyEntry {
                index: 0,
                issuer: ISSUER.to_owned(),
                key_id: KeyId::of(&public_key),
                public_key,
                derivation: Derivation::Rfc9497,
                funding_source: FundingSource::UserWallet,
                base_vote_value: "0.25".parse().unwrap(),
                sign_from: at("2026-01-03T00:00:00Z"),
                sign_until: at("2026-02-02T00:00:00Z"),
                redeem_until: at("2026-03-04T00:00:00Z"),
                event: *event,
                hash: CHAIN_START,
            });
            entries.push(entry.after(entries.last()));
        }
        entries
    }

    pub(crate) fn directory(events: &[(u8, Event)], head_days: &[(&str, usize)]) -> Directory {
        let entries = entries(events);
        let key = SigningKey::from_bytes(&[9; 32]);
        let head = |(on, size): &(&str, usize)| Head::sign(day(on), &entries[..*size], &key);
        Directory {
            heads: head_days.iter().map(head).collect(),
            entries,
        }
    }

    pub(crate) fn known_key(public_key: &PublicKey) -> KnownKey {
        let directory = directory(&[(public_key.0[0], Event::Added)], &[("2026-01-01", 1)]);
        Keys::of(&directory)
            .get(KeyId::of(public_key))
            .unwrap()
            .clone()
    }

    fn sells(directory: &Directory, now: &str, notice: TimeDelta) -> bool {
        Keys::of(directory)
            .sellable(ISSUER, at(now), notice)
            .is_some()
    }

    #[test]
    fn a_key_sells_when_a_head_covered_it_a_day_before_it_signs() {
        let in_time = directory(
            &[(1, Event::Added)],
            &[("2026-01-02", 1), ("2026-01-03", 1)],
        );
        let late = directory(
            &[(1, Event::Added)],
            &[("2026-01-02", 0), ("2026-01-03", 1)],
        );
        let unpublished = directory(&[(1, Event::Added)], &[]);
        let day = TimeDelta::hours(24);

        assert!(sells(&in_time, "2026-01-03T00:00:00Z", day));
        assert!(!sells(&late, "2026-01-10T00:00:00Z", day));
        assert!(!sells(&unpublished, "2026-01-10T00:00:00Z", day));
        assert!(!sells(
            &unpublished,
            "2026-01-10T00:00:00Z",
            TimeDelta::zero()
        ));
        assert!(sells(&late, "2026-01-10T00:00:00Z", TimeDelta::zero()));
    }

    #[test]
    fn a_key_sells_only_in_its_window_only_for_its_issuer_and_not_when_revoked() {
        let heads = [("2026-01-01", 1), ("2026-01-05", 2)];
        let valid = directory(&[(1, Event::Added)], &heads[..1]);
        let revoked = directory(&[(1, Event::Added), (1, Event::Revoked)], &heads);
        let day = TimeDelta::hours(24);

        assert!(!sells(&valid, "2026-01-02T23:59:59Z", day));
        assert!(sells(&valid, "2026-02-01T23:59:59Z", day));
        assert!(!sells(&valid, "2026-02-02T00:00:00Z", day));
        assert!(!sells(&revoked, "2026-01-10T00:00:00Z", day));
        let keys = Keys::of(&valid);
        assert!(
            keys.sellable("brave.com?sku=other", at("2026-01-10T00:00:00Z"), day)
                .is_none()
        );
    }

    #[test]
    fn only_what_follows_from_the_published_entries_extends_them() {
        let known = entries(&[(1, Event::Added)]);
        let longer = entries(&[(1, Event::Added), (2, Event::Added)]);
        let other = entries(&[(3, Event::Added), (2, Event::Added)]);
        let broken = [longer[0].clone(), other[1].clone()];

        assert_eq!(extension(&known, &longer), Ok(&longer[1..]));
        assert_eq!(extension(&known, &known), Ok(&[][..]));
        assert_eq!(extension(&longer, &known), Err(NotAnExtension::Shorter));
        assert_eq!(extension(&known, &other), Err(NotAnExtension::Changed));
        assert_eq!(
            extension(&known, &broken),
            Err(NotAnExtension::NoChain(BrokenChain { index: 1 }))
        );
    }
}
