//! Which keys of a directory may be used (contracts §5).
//!
//! Each rule makes it dear to give somebody, or some day, a key of its own: a key must sell for a
//! while, alone, seldom be replaced, and have been public before it sold.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use messages::{
    FundingSource, KeyId, PublicKey,
    challenge_bypass::Derivation,
    directory::{Entry, Event, IssuerKeyEntry},
    money::Amount,
};

use super::Verified;
use crate::{Profile, sku::Sku};

/// A key of the directory, with the window in which it may sign.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Key {
    /// The issuer.
    pub issuer: String,
    /// The key's id.
    pub key_id: KeyId,
    /// The public key.
    pub public_key: PublicKey,
    /// Whose money its tokens stand for.
    pub funding_source: FundingSource,
    /// What a token is worth.
    pub base_vote_value: Amount,
    /// It signs from here on.
    pub sign_from: DateTime<Utc>,
    /// It signs until here, or until its revocation showed.
    pub sign_until: DateTime<Utc>,
    /// Its tokens are taken until here.
    pub redeem_until: DateTime<Utc>,
    /// When its revocation showed.
    pub revoked_on: Option<NaiveDate>,
}

/// Why a key is not used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// It was not public for long enough before it began to sign.
    #[error("the key was announced too late")]
    AnnouncedLate,
    /// The key's id is not that of its public key, or the key is not new.
    #[error("the entry does not name a key of its own")]
    Identity,
    /// Its tokens lapse too soon after it stops signing, which is when votes leave.
    #[error("the key's tokens lapse too soon after its sale")]
    LapsesTooSoon,
    /// Its tokens would be derived in a way that can be forged.
    #[error("the key uses the legacy derivation")]
    LegacyDerivation,
    /// It is of another issuer, worth something else, or for other money than what was bought.
    #[error("the key is not one of what was bought")]
    NotBought,
    /// It does not sign at the time at which the tokens were signed.
    #[error("the key's window does not cover the time of the request")]
    OutsideWindow,
    /// Its window and that of an earlier key of the issuer overlap.
    #[error("the key's window overlaps another key's")]
    Overlap,
    /// The issuer takes new keys too often.
    #[error("the issuer has too many keys")]
    TooManyKeys,
    /// It signs for too short a time.
    #[error("the key's window is too short")]
    WindowTooShort,
}

/// A key and the client's verdict on it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Judged {
    /// The key.
    pub key: Key,
    /// Why it is not used, if it is not.
    pub refusal: Option<Refusal>,
    /// Whether its revocation is forgiven: it makes no rule fail for the keys after it.
    exempt: bool,
}

/// What the client thinks of the directory's keys.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Verdict {
    /// Every key that was ever added, in the order of the directory.
    pub keys: Vec<Judged>,
    /// More keys of an issuer were revoked than are forgiven: tell the user.
    pub warn_of_revocations: bool,
}

impl Verdict {
    /// The key with this public key, if it may be used.
    pub fn usable(&self, public_key: &PublicKey) -> Option<&Key> {
        let mut usable = self.keys.iter().filter(|judged| judged.refusal.is_none());
        usable
            .find(|judged| judged.key.public_key == *public_key)
            .map(|judged| &judged.key)
    }

    /// Whether a key that sells `sku` for money of `source` may sign at `time`.
    pub fn is_sold(
        &self,
        source: FundingSource,
        sku: &Sku,
        time: DateTime<Utc>,
        profile: &Profile,
    ) -> bool {
        let mut usable = self.keys.iter().filter(|judged| judged.refusal.is_none());
        usable.any(|judged| judged.key.is_for(source, sku) && judged.key.may_sign_at(time, profile))
    }
}

impl Key {
    /// Whether its tokens are what `sku` sells for money of `source`: those of another issuer have
    /// another crowd, and those of a cheaper one are worth less than what was paid.
    pub fn is_for(&self, source: FundingSource, sku: &Sku) -> bool {
        self.issuer == sku.issuer
            && self.base_vote_value == sku.price
            && self.funding_source == source
    }

    /// Whether a signature asked for at `time` may be under this key.
    pub fn may_sign_at(&self, time: DateTime<Utc>, profile: &Profile) -> bool {
        let tolerance = profile.window_tolerance;
        self.sign_from - tolerance <= time && time <= self.sign_until + tolerance
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.sign_from < other.sign_until && other.sign_from < self.sign_until
    }
}

/// The first instant of a day.
fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

/// Judges every key of a verified directory.
///
/// Keys are judged in the order of the directory, against the keys of the issuer before them, the
/// refused ones too. A later key can so never take an earlier one down.
pub fn judge(verified: &Verified, profile: &Profile) -> Verdict {
    let mut verdict = Verdict::default();
    let about_keys = verified.entries().iter();
    for entry in about_keys.filter_map(Entry::issuer_key) {
        match entry.event {
            Event::Added => {
                let key = key_of(entry);
                let refusal = refusal(verified, entry, &key, &verdict, profile);
                verdict.keys.push(Judged {
                    key,
                    refusal,
                    exempt: false,
                });
            }
            Event::Revoked => revoke(verified, entry, &mut verdict, profile),
        }
    }
    verdict
}

fn key_of(entry: &IssuerKeyEntry) -> Key {
    Key {
        issuer: entry.issuer.clone(),
        key_id: entry.key_id,
        public_key: entry.public_key,
        funding_source: entry.funding_source,
        base_vote_value: entry.base_vote_value,
        sign_from: entry.sign_from,
        sign_until: entry.sign_until,
        redeem_until: entry.redeem_until,
        revoked_on: None,
    }
}

fn refusal(
    verified: &Verified,
    entry: &IssuerKeyEntry,
    key: &Key,
    before: &Verdict,
    profile: &Profile,
) -> Option<Refusal> {
    let known = |judged: &Judged| judged.key.public_key == key.public_key;
    if entry.key_id != KeyId::of(&entry.public_key) || before.keys.iter().any(known) {
        return Some(Refusal::Identity);
    }
    if entry.derivation != Derivation::Rfc9497 {
        return Some(Refusal::LegacyDerivation);
    }
    let window = key.sign_until - key.sign_from;
    if window <= TimeDelta::zero()
        || window < profile.key_window_min
        || key.redeem_until < key.sign_until
    {
        return Some(Refusal::WindowTooShort);
    }
    // Otherwise whoever sets the windows decides that votes leave at once, or all at one time.
    let time_to_vote = key.redeem_until - key.sign_until - profile.last_attempt_before_expiry;
    if profile.votes_after_sale && time_to_vote < profile.spread_min {
        return Some(Refusal::LapsesTooSoon);
    }
    let of_issuer = || {
        let judged = before.keys.iter();
        judged.filter(|judged| judged.key.issuer == key.issuer)
    };
    if of_issuer().any(|judged| judged.key.overlaps(key)) {
        return Some(Refusal::Overlap);
    }
    let counted = of_issuer().filter(|judged| {
        let distance = (key.sign_from - judged.key.sign_from).abs();
        !judged.exempt && distance < profile.keys_period
    });
    if counted.count() >= profile.keys_max {
        return Some(Refusal::TooManyKeys);
    }
    let announced = verified.appeared(entry.index).map(midnight);
    let in_time = announced.is_some_and(|at| at + profile.key_notice <= key.sign_from);
    if profile.key_notice > TimeDelta::zero() && !in_time {
        return Some(Refusal::AnnouncedLate);
    }
    None
}

/// Ends the key's window on the day its revocation shows, and forgives it, unless another one of
/// the issuer was forgiven not long before.
fn revoke(verified: &Verified, entry: &IssuerKeyEntry, verdict: &mut Verdict, profile: &Profile) {
    let Some(day) = verified.appeared(entry.index) else {
        return;
    };
    let forgiven_lately = verdict.keys.iter().any(|judged| {
        judged.key.issuer == entry.issuer
            && judged.exempt
            && judged.key.revoked_on.is_some_and(|earlier| {
                midnight(day) - midnight(earlier) < profile.revocation_exemption_period
            })
    });
    let revoked = verdict
        .keys
        .iter_mut()
        .find(|judged| judged.key.key_id == entry.key_id && judged.key.issuer == entry.issuer);
    let Some(judged) = revoked.filter(|judged| judged.key.revoked_on.is_none()) else {
        return;
    };
    judged.key.revoked_on = Some(day);
    if forgiven_lately {
        // Not forgiven: its whole window goes on to count against the next keys.
        verdict.warn_of_revocations = true;
        judged.refusal = judged.refusal.or(Some(Refusal::TooManyKeys));
    } else {
        judged.exempt = true;
        judged.key.sign_until = judged.key.sign_until.min(midnight(day));
    }
}
