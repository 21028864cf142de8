//! When a key signs and redeems.

use chrono::{DateTime, TimeDelta, Utc};

use super::Terms;

/// The times of a key, in whole seconds. It signs from the first to before the second, and redeems
/// until before the third.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeyWindow {
    /// It signs from here on.
    pub sign_from: DateTime<Utc>,
    /// It signs until here.
    pub sign_until: DateTime<Utc>,
    /// It redeems until here.
    pub redeem_until: DateTime<Utc>,
}

impl KeyWindow {
    /// The window of a key with these terms that starts at `sign_from`.
    pub fn starting(sign_from: DateTime<Utc>, terms: &Terms) -> Self {
        Self {
            sign_from,
            sign_until: sign_from + terms.key_period.times(1),
            redeem_until: sign_from + terms.key_period.times(terms.redeemable_periods),
        }
    }

    /// Whether the key signs at `time`.
    pub fn signs_at(&self, time: DateTime<Utc>) -> bool {
        (self.sign_from..self.sign_until).contains(&time)
    }

    /// Whether the key takes new redemptions at `time`.
    pub fn redeems_at(&self, time: DateTime<Utc>) -> bool {
        time < self.redeem_until
    }

    /// Whether both keys would sign at some time.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.sign_from < other.sign_until && other.sign_from < self.sign_until
    }
}

/// The first time at which a key that is added `now` may sign.
///
/// Clients want to see a key in a daily head for `notice` before it signs (contracts §5), so it
/// starts with the first whole day that is later than that. Without notice it starts at once.
pub(super) fn earliest_start(now: DateTime<Utc>, notice: TimeDelta) -> DateTime<Utc> {
    if notice <= TimeDelta::zero() {
        return now - TimeDelta::nanoseconds(i64::from(now.timestamp_subsec_nanos()));
    }
    let day = (now + notice).date_naive() + TimeDelta::days(1);
    day.and_time(chrono::NaiveTime::MIN).and_utc()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_key_starts_at_the_first_midnight_after_its_notice() {
        let start = |now: &str, hours| earliest_start(time(now), TimeDelta::hours(hours));

        assert_eq!(
            start("2026-01-01T10:00:00Z", 24),
            time("2026-01-03T00:00:00Z")
        );
        assert_eq!(
            start("2026-01-01T00:00:00Z", 24),
            time("2026-01-03T00:00:00Z")
        );
        assert_eq!(
            start("2026-01-01T23:59:59Z", 24),
            time("2026-01-03T00:00:00Z")
        );
        assert_eq!(
            start("2026-01-01T10:00:00.9Z", 0),
            time("2026-01-01T10:00:00Z")
        );
    }

    #[test]
    fn windows_that_only_touch_do_not_overlap() {
        let window = |from: &str, until: &str| KeyWindow {
            sign_from: time(from),
            sign_until: time(until),
            redeem_until: time("2026-12-01T00:00:00Z"),
        };
        let january = window("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z");
        let february = window("2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z");
        let both = window("2026-01-31T23:59:59Z", "2026-02-01T00:00:01Z");

        assert!(!january.overlaps(&february) && !february.overlaps(&january));
        assert!(january.overlaps(&both) && february.overlaps(&both));
        assert!(january.signs_at(time("2026-01-01T00:00:00Z")));
        assert!(!january.signs_at(time("2026-02-01T00:00:00Z")));
    }
}
