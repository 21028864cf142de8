//! When the relay takes new rows in.

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};

/// When rows without a position are taken in. What has a position is published at every run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Schedule {
    /// At every run, so often. For what tells nothing about a person.
    Every(TimeDelta),
    /// At fixed times of the day (UTC), so that the time of a publication says little about any row.
    Slots {
        /// The times, in order.
        slots: Vec<NaiveTime>,
        /// Fewer rows wait for a later slot; the day's last one takes all.
        rows_min: u64,
    },
}

/// Whether rows are to be taken in now.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Due {
    /// No slot has passed.
    #[default]
    No,
    /// A slot has passed: if so many rows wait.
    IfAtLeast(u64),
    /// The day's last slot has passed, or no slots are kept.
    Always,
}

impl Due {
    /// Whether `waiting` rows are to be taken in.
    pub(super) fn takes(self, waiting: u64) -> bool {
        match self {
            Self::Always => true,
            Self::IfAtLeast(rows_min) => waiting >= rows_min,
            Self::No => false,
        }
    }
}

impl Schedule {
    /// The first time after `now` at which the relay has something to do.
    pub fn next_after(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Every(interval) => now + *interval,
            Self::Slots { slots, .. } => {
                let today = now.date_naive();
                let times = [Some(today), today.succ_opt()];
                times
                    .iter()
                    .flatten()
                    .flat_map(|day| slots.iter().map(|slot| day.and_time(*slot).and_utc()))
                    .find(|time| *time > now)
                    // No slots at all: nothing is ever due, and asking daily is harmless.
                    .unwrap_or(now + TimeDelta::days(1))
            }
        }
    }

    /// The slot that is the latest at `now`. `None`: there are none.
    pub(super) fn slot_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let Self::Slots { slots, .. } = self else {
            return None;
        };
        let days = [Some(now.date_naive()), now.date_naive().pred_opt()];
        let mut times = days
            .iter()
            .flatten()
            .flat_map(|day| slots.iter().rev().map(|slot| day.and_time(*slot).and_utc()));
        times.find(|time| *time <= now)
    }

    /// What has become due after `last`, up to `now`.
    pub(super) fn due(&self, last: DateTime<Utc>, now: DateTime<Utc>) -> Due {
        let (slots, rows_min) = match self {
            Self::Every(_) => return Due::Always,
            Self::Slots { slots, rows_min } => (slots, *rows_min),
        };
        let passed = |slot: &NaiveTime| {
            let today = now.date_naive().and_time(*slot).and_utc();
            let latest = if today <= now {
                today
            } else {
                today - TimeDelta::days(1)
            };
            last < latest
        };
        if slots.last().is_some_and(passed) {
            Due::Always
        } else if slots.iter().any(passed) {
            Due::IfAtLeast(rows_min)
        } else {
            Due::No
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn slots() -> Schedule {
        let time = |hour| NaiveTime::from_hms_opt(hour, 10, 0).unwrap();
        Schedule::Slots {
            slots: [0, 6, 12, 18].map(time).to_vec(),
            rows_min: 50,
        }
    }

    #[test]
    fn the_next_slot_may_be_tomorrow() {
        let next = |now| slots().next_after(at(now));

        assert_eq!(next("2026-01-01T00:00:00Z"), at("2026-01-01T00:10:00Z"));
        assert_eq!(next("2026-01-01T00:10:00Z"), at("2026-01-01T06:10:00Z"));
        assert_eq!(next("2026-01-01T18:10:00Z"), at("2026-01-02T00:10:00Z"));
    }

    #[test]
    fn the_latest_slot_may_be_yesterdays() {
        let latest = |now| slots().slot_at(at(now));

        assert_eq!(
            latest("2026-01-02T00:09:59Z"),
            Some(at("2026-01-01T18:10:00Z"))
        );
        assert_eq!(
            latest("2026-01-02T06:10:00Z"),
            Some(at("2026-01-02T06:10:00Z"))
        );
        assert_eq!(
            Schedule::Every(TimeDelta::hours(1)).slot_at(at("2026-01-01T00:00:00Z")),
            None
        );
    }

    #[test]
    fn a_slot_wants_enough_rows_and_the_last_one_takes_all() {
        let due = |last, now| slots().due(at(last), at(now));

        assert_eq!(due("2026-01-01T00:00:00Z", "2026-01-01T00:09:59Z"), Due::No);
        assert_eq!(
            due("2026-01-01T00:00:00Z", "2026-01-01T00:10:00Z"),
            Due::IfAtLeast(50)
        );
        assert_eq!(due("2026-01-01T00:10:00Z", "2026-01-01T06:00:00Z"), Due::No);
        assert_eq!(
            due("2026-01-01T12:10:00Z", "2026-01-01T18:10:00Z"),
            Due::Always
        );
        assert_eq!(
            due("2026-01-01T18:10:00Z", "2026-01-02T00:10:00Z"),
            Due::IfAtLeast(50)
        );
        assert_eq!(
            due("2026-01-01T17:00:00Z", "2026-01-02T03:00:00Z"),
            Due::Always
        );
        assert!(!Due::IfAtLeast(50).takes(49) && Due::IfAtLeast(50).takes(50));
    }
}
