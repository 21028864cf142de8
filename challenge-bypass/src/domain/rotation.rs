//! When an issuer needs another key, and when that key may start.

use chrono::{DateTime, TimeDelta, Utc};

use super::{IssuerKey, KeyWindow, Terms, window::earliest_start};

/// How long before its `signFrom` a key is shown to clients.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rotation {
    /// At least this long.
    pub notice: TimeDelta,
}

/// Whether a successor is wanted before it is due.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RotationRule {
    /// Announce the successor now, unless one is announced.
    Now,
    /// Only when the last key's end is near.
    WhenDue,
}

impl Rotation {
    /// A successor is added this much before the notice would have to begin: a daily head must cover
    /// it, and the job may be late by a day.
    const LEAD: TimeDelta = TimeDelta::hours(48);

    /// The window of the key that the issuer needs next; `None` when it needs none now.
    ///
    /// Windows of keys that were not revoked never overlap, and at most one key is announced ahead:
    /// clients refuse anything else (threat T12).
    pub fn next(
        self,
        terms: &Terms,
        keys: &[IssuerKey],
        now: DateTime<Utc>,
        rule: RotationRule,
    ) -> Option<KeyWindow> {
        let earliest = earliest_start(now, self.notice);
        let mut live = keys
            .iter()
            .filter(|key| !key.revoked && key.facts.window.sign_until > now)
            .map(|key| key.facts.window);
        let Some(last) = live.by_ref().max_by_key(|window| window.sign_until) else {
            return Some(KeyWindow::starting(earliest, terms));
        };
        let due = match rule {
            RotationRule::Now => true,
            RotationRule::WhenDue => now + self.notice + Self::LEAD >= last.sign_until,
        };
        (due && last.sign_from <= now)
            .then(|| KeyWindow::starting(earliest.max(last.sign_until), terms))
    }
}

#[cfg(test)]
mod tests {
    use messages::{FundingSource, challenge_bypass::Derivation, encoding::Fixed};

    use super::*;
    use crate::domain::KeyFacts;

    const DAY: Rotation = Rotation {
        notice: TimeDelta::hours(24),
    };

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn terms() -> Terms {
        Terms {
            funding_source: FundingSource::UserWallet,
            sku: "a".to_owned(),
            price: "1".parse().unwrap(),
            currency: "BAT".to_owned(),
            key_period: "P30D".parse().unwrap(),
            redeemable_periods: 2,
            derivation: Derivation::Rfc9497,
        }
    }

    fn key(sign_from: &str) -> IssuerKey {
        let facts = KeyFacts {
            issuer: "a".parse().unwrap(),
            funding_source: FundingSource::UserWallet,
            derivation: Derivation::Rfc9497,
            window: KeyWindow::starting(time(sign_from), &terms()),
            public_key: Fixed([1; 32]),
        };
        IssuerKey {
            facts,
            revoked: false,
            signed_total: 0,
            redeemed_total: 0,
        }
    }

    #[test]
    fn an_issuer_without_a_live_key_gets_one_after_the_notice() {
        let now = time("2026-03-01T10:00:00Z");
        let mut revoked = key("2026-02-20T00:00:00Z");
        revoked.revoked = true;
        let ended = key("2026-01-01T00:00:00Z");

        for keys in [vec![], vec![revoked, ended]] {
            let next = DAY
                .next(&terms(), &keys, now, RotationRule::WhenDue)
                .unwrap();
            assert_eq!(next.sign_from, time("2026-03-03T00:00:00Z"));
            assert_eq!(next.sign_until, time("2026-04-02T00:00:00Z"));
            assert_eq!(next.redeem_until, time("2026-05-02T00:00:00Z"));
        }
    }

    #[test]
    fn a_successor_starts_where_the_last_key_ends_and_is_announced_in_time() {
        let keys = [key("2026-01-01T00:00:00Z")];
        let next = |now: &str| DAY.next(&terms(), &keys, time(now), RotationRule::WhenDue);

        assert_eq!(next("2026-01-27T23:59:59Z"), None);
        let due = next("2026-01-28T00:00:00Z").unwrap();
        assert_eq!(due.sign_from, time("2026-01-31T00:00:00Z"));
        assert!(!due.overlaps(&keys[0].facts.window));
        assert!(due.sign_from - time("2026-01-28T00:00:00Z") >= DAY.notice);
    }

    #[test]
    fn a_late_successor_leaves_a_gap_rather_than_shortening_the_notice() {
        let keys = [key("2026-01-01T00:00:00Z")];
        let now = time("2026-01-30T12:00:00Z");

        let next = DAY
            .next(&terms(), &keys, now, RotationRule::WhenDue)
            .unwrap();

        assert_eq!(next.sign_from, time("2026-02-01T00:00:00Z"));
    }

    #[test]
    fn at_most_one_key_is_announced_ahead() {
        let keys = [key("2026-01-01T00:00:00Z"), key("2026-01-31T00:00:00Z")];
        for rule in [RotationRule::Now, RotationRule::WhenDue] {
            assert_eq!(
                DAY.next(&terms(), &keys, time("2026-01-30T00:00:00Z"), rule),
                None
            );
        }
        assert_eq!(
            DAY.next(
                &terms(),
                &keys[..1],
                time("2026-01-05T00:00:00Z"),
                RotationRule::Now
            )
            .unwrap()
            .sign_from,
            time("2026-01-31T00:00:00Z")
        );
    }

    #[test]
    fn without_notice_the_next_key_signs_at_once() {
        let rotation = Rotation {
            notice: TimeDelta::zero(),
        };
        let now = time("2026-03-01T10:00:00Z");

        let next = rotation
            .next(&terms(), &[], now, RotationRule::WhenDue)
            .unwrap();

        assert!(next.signs_at(now));
    }
}
