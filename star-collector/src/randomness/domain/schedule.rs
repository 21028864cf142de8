//! Which epoch it is, by the calendar.

use std::{cmp::Ordering, fmt, num::NonZeroU64, ops::RangeInclusive};

use chrono::{DateTime, Datelike as _, Months, SecondsFormat, SubsecRound as _, TimeDelta, Utc};

use super::EpochDuration;

/// By how much the clock of a replica may lag behind another's without its being out of service.
pub const CLOCK_SKEW_MAX: TimeDelta = TimeDelta::minutes(1);

/// The last day of the month on which epochs of months may begin: every month has it.
const DAY_MAX: u32 = 28;

/// How many epochs have ended since the base time. It only grows, unlike the epoch's number in messages, which is a byte.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Position(pub u64);

/// When epochs begin, and which numbers they have.
///
/// From the base time on, an epoch of the first number follows, then one of the next; after the last number comes the
/// first again, with a new key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Schedule {
    base: DateTime<Utc>,
    duration: EpochDuration,
    first: u8,
    last: u8,
}

/// Settings that are no schedule.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ScheduleError {
    /// Some months do not have the day.
    #[error("epochs of months begin on a day from 1 to {DAY_MAX}: correct epoch_base_time")]
    DayOfMonth,
    /// There is no epoch at all.
    #[error("first_epoch is greater than last_epoch")]
    NoEpoch,
}

/// Whether a key that is punctured up to its position is the one to be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Due {
    /// It is punctured further than the calendar says: our clock is wrong, or was another's.
    Ahead,
    /// Epochs that are over can still be evaluated with it: it must be punctured up to this position first.
    Behind(Position),
    /// It is.
    Now,
}

impl Schedule {
    /// Epochs that last for `duration`, the first of which begins at `base`, in whole seconds.
    pub fn new(
        base: DateTime<Utc>,
        duration: EpochDuration,
        (first, last): (u8, u8),
    ) -> Result<Self, ScheduleError> {
        if first > last {
            return Err(ScheduleError::NoEpoch);
        }
        if matches!(duration, EpochDuration::Months(_)) && base.day() > DAY_MAX {
            return Err(ScheduleError::DayOfMonth);
        }
        Ok(Self {
            base: base.trunc_subsecs(0),
            duration,
            first,
            last,
        })
    }

    /// The position at `time`. `None` before the base time.
    pub fn position(&self, time: DateTime<Utc>) -> Option<Position> {
        let passed = match self.duration {
            EpochDuration::Months(months) => {
                u64::from(whole_months(self.base, time)?) / u64::from(months.get())
            }
            EpochDuration::Seconds(seconds) => {
                if time < self.base {
                    return None;
                }
                let passed = (time - self.base).num_seconds();
                u64::try_from(passed).ok()? / u64::from(seconds.get())
            }
        };
        Some(Position(passed))
    }

    /// When the epoch at `position` ends.
    pub fn end(&self, position: Position) -> DateTime<Utc> {
        let epochs = position.0.saturating_add(1);
        let end = match self.duration {
            EpochDuration::Months(months) => epochs
                .checked_mul(months.get().into())
                .and_then(|months| u32::try_from(months).ok())
                .and_then(|months| self.base.checked_add_months(Months::new(months))),
            EpochDuration::Seconds(seconds) => epochs
                .checked_mul(seconds.get().into())
                .and_then(|seconds| TimeDelta::try_seconds(i64::try_from(seconds).ok()?))
                .and_then(|time| self.base.checked_add_signed(time)),
        };
        end.unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// The numbers of all epochs of one key.
    pub fn epochs(&self) -> RangeInclusive<u8> {
        self.first..=self.last
    }

    /// The number of the epoch at `position`.
    pub fn epoch(&self, position: Position) -> u8 {
        let passed = position.0 % self.cycle();
        let passed = u8::try_from(passed).expect("a cycle has 256 epochs at most");
        self.first.saturating_add(passed)
    }

    /// The first position of the key that is used at `position`.
    pub fn renewed_at(&self, position: Position) -> Position {
        Position(position.0 - position.0 % self.cycle())
    }

    /// Whether a key that is punctured up to `stored` is to be used at `time`. `None` before the base time.
    ///
    /// One whose clock goes before the others' punctures first: the others go along with it, for as much as clocks may
    /// differ. Further ahead than that, somebody's clock is wrong, and nothing is evaluated until that is put right: an
    /// epoch that would last until then would leave its messages open for as long.
    pub fn due(&self, stored: Position, time: DateTime<Utc>) -> Option<Due> {
        let current = self.position(time)?;
        Some(match stored.cmp(&current) {
            Ordering::Less => Due::Behind(current),
            Ordering::Equal => Due::Now,
            Ordering::Greater if self.position(time + CLOCK_SKEW_MAX) >= Some(stored) => Due::Now,
            Ordering::Greater => Due::Ahead,
        })
    }

    fn cycle(&self) -> NonZeroU64 {
        NonZeroU64::MIN.saturating_add((self.last - self.first).into())
    }
}

/// The whole months from `base` to `time`. `None` when there are fewer than none.
fn whole_months(base: DateTime<Utc>, time: DateTime<Utc>) -> Option<u32> {
    if time < base {
        return None;
    }
    let months = (time.year() - base.year()) * 12 + time.month0().cast_signed()
        - base.month0().cast_signed();
    let into_month = |time: DateTime<Utc>| (time.day(), time.time());
    let is_begun = into_month(time) < into_month(base);
    u32::try_from(months - i32::from(is_begun)).ok()
}

/// One text for each schedule: it is sealed in with the keys.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base = self.base.to_rfc3339_opts(SecondsFormat::Secs, true);
        let Self {
            duration,
            first,
            last,
            ..
        } = self;
        write!(f, "{base}/{duration}/{first}-{last}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn schedule(duration: &str, epochs: (u8, u8)) -> Schedule {
        let base = time("2024-01-01T00:00:00Z");
        Schedule::new(base, duration.parse().unwrap(), epochs).unwrap()
    }

    #[test]
    fn weeks_are_counted_from_the_base_time() {
        let weeks = schedule("1w", (3, 6));

        for (now, position, epoch) in [
            ("2024-01-01T00:00:00Z", 0, 3),
            ("2024-01-07T23:59:59.999Z", 0, 3),
            ("2024-01-08T00:00:00Z", 1, 4),
            ("2024-01-22T00:00:00Z", 3, 6),
            ("2024-01-29T00:00:00Z", 4, 3),
        ] {
            let found = weeks.position(time(now)).unwrap();
            assert_eq!((found.0, weeks.epoch(found)), (position, epoch), "{now}");
        }
        assert_eq!(weeks.position(time("2023-12-31T23:59:59.999Z")), None);
        assert_eq!(weeks.end(Position(0)), time("2024-01-08T00:00:00Z"));
        assert_eq!(weeks.renewed_at(Position(7)), Position(4));
    }

    #[test]
    fn months_are_those_of_the_calendar() {
        let base = time("2024-01-15T06:00:00Z");
        let months = Schedule::new(base, "1mon".parse().unwrap(), (0, 255)).unwrap();

        for (now, position) in [
            ("2024-02-15T05:59:59Z", 0),
            ("2024-02-15T06:00:00Z", 1),
            ("2025-01-14T23:00:00Z", 11),
            ("2025-01-15T06:00:00Z", 12),
        ] {
            assert_eq!(
                months.position(time(now)),
                Some(Position(position)),
                "{now}"
            );
        }
        assert_eq!(months.end(Position(1)), time("2024-03-15T06:00:00Z"));
        assert_eq!(months.position(time("2024-01-15T05:59:59Z")), None);
    }

    #[test]
    fn all_256_numbers_can_be_used_and_one_alone_too() {
        let all = schedule("5s", (0, 255));
        assert_eq!(all.epoch(Position(255)), 255);
        assert_eq!(all.epoch(Position(256)), 0);
        let one = schedule("5s", (9, 9));
        assert_eq!(
            (one.epoch(Position(7)), one.renewed_at(Position(7))),
            (9, Position(7))
        );
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        let of = |base: &str, duration: &str, epochs| {
            Schedule::new(time(base), duration.parse().unwrap(), epochs)
        };

        let wrong = of("2024-01-01T00:00:00Z", "1w", (2, 1));
        assert_eq!(wrong, Err(ScheduleError::NoEpoch));
        let wrong = of("2024-01-29T00:00:00Z", "1mon", (0, 1));
        assert_eq!(wrong, Err(ScheduleError::DayOfMonth));
        assert!(of("2024-01-29T00:00:00Z", "1w", (0, 1)).is_ok());
    }

    #[test]
    fn a_lagging_clock_is_borne_for_a_minute_and_no_longer() {
        let hours = schedule("1h", (0, 9));
        let due = |stored, now| hours.due(Position(stored), time(now));

        assert_eq!(due(1, "2024-01-01T00:59:00Z"), Some(Due::Now));
        assert_eq!(due(1, "2024-01-01T00:58:59Z"), Some(Due::Ahead));
        assert_eq!(due(1, "2024-01-01T01:30:00Z"), Some(Due::Now));
        assert_eq!(
            due(1, "2024-01-01T03:00:00Z"),
            Some(Due::Behind(Position(3)))
        );
        assert_eq!(due(1, "2023-01-01T00:00:00Z"), None);
    }

    #[test]
    fn each_part_of_a_schedule_stands_in_its_text() {
        let text = schedule("1w", (3, 6)).to_string();
        assert_eq!(text, "2024-01-01T00:00:00Z/604800s/3-6");
    }

    proptest! {
        #[test]
        fn an_epoch_ends_where_the_next_begins(
            month in any::<bool>(), length in 1_u32..100, seconds in 0_i64..10_000_000_000,
        ) {
            let unit = if month { "mon" } else { "h" };
            let schedule = schedule(&format!("{length}{unit}"), (0, 255));
            let now = schedule.base + TimeDelta::seconds(seconds);

            let position = schedule.position(now).unwrap();
            let end = schedule.end(position);

            prop_assert!(now < end);
            prop_assert_eq!(schedule.position(end), Some(Position(position.0 + 1)));
            let before = schedule.position(end - TimeDelta::milliseconds(1));
            prop_assert_eq!(before, Some(position));
        }
    }
}
