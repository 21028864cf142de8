//! When an epoch begins, how long its messages are taken, and how a number modulo 256 is read.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

/// The epochs of a channel. They are counted from 0; on the wire stands the number modulo 256.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Epochs {
    /// When epoch 0 begins.
    pub base: DateTime<Utc>,
    /// How long each lasts.
    pub length: TimeDelta,
    /// For how many epochs messages of one are taken, its own included: 1 to 255.
    pub alive: u8,
}

impl Epochs {
    /// The epoch at a time. `None`: before the first.
    pub fn at(&self, time: DateTime<Utc>) -> Option<u64> {
        let passed = (time >= self.base).then(|| time - self.base)?;
        let passed = u64::try_from(passed.num_seconds()).ok()?;
        passed.checked_div(self.length.num_seconds().unsigned_abs())
    }

    /// Which epoch a message is of that says `number` and came in at `time`. `None`: its epoch is over, or has not begun.
    pub fn of(&self, number: u8, time: DateTime<Utc>) -> Option<u64> {
        let current = self.at(time)?;
        let [low, ..] = current.to_le_bytes();
        let age = low.wrapping_sub(number);
        if age >= self.alive {
            return None;
        }
        current.checked_sub(age.into())
    }

    /// From when on no message of `epoch` is taken.
    pub fn end_of(&self, epoch: u64) -> DateTime<Utc> {
        self.start_of(epoch.saturating_add(self.alive.into()))
    }

    /// The first day of `epoch`.
    pub fn first_day(&self, epoch: u64) -> NaiveDate {
        self.start_of(epoch).date_naive()
    }

    fn start_of(&self, epoch: u64) -> DateTime<Utc> {
        let epochs = i32::try_from(epoch).unwrap_or(i32::MAX);
        let passed = self.length.checked_mul(epochs);
        passed
            .and_then(|passed| self.base.checked_add_signed(passed))
            .unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weeks() -> Epochs {
        Epochs {
            base: "2026-01-05T00:00:00Z".parse().unwrap(),
            length: TimeDelta::weeks(1),
            alive: 3,
        }
    }

    fn week(number: i64) -> DateTime<Utc> {
        weeks().base + TimeDelta::weeks(number) + TimeDelta::days(2)
    }

    #[test]
    fn an_epoch_is_taken_until_so_many_have_begun() {
        let epochs = weeks();

        assert_eq!(epochs.of(7, week(7)), Some(7));
        assert_eq!(epochs.of(7, week(9)), Some(7));
        assert_eq!(epochs.of(7, week(10)), None);
        assert_eq!(epochs.of(8, week(7)), None);
        assert_eq!(epochs.end_of(7), epochs.base + TimeDelta::weeks(10));
    }

    #[test]
    fn numbers_wrap_around_and_epochs_do_not() {
        let epochs = weeks();

        assert_eq!(epochs.of(255, week(256)), Some(255));
        assert_eq!(epochs.of(0, week(256)), Some(256));
        assert_eq!(epochs.of(1, week(256 + 257)), Some(513));
        assert_eq!(epochs.of(2, week(256 + 257)), None);
    }

    #[test]
    fn before_the_first_there_is_no_epoch() {
        let epochs = weeks();

        assert_eq!(epochs.at(week(-1)), None);
        assert_eq!(epochs.at(epochs.base - TimeDelta::milliseconds(1)), None);
        assert_eq!(epochs.of(255, week(0)), None);
        assert_eq!(epochs.of(0, week(0)), Some(0));
        assert_eq!(epochs.first_day(2).to_string(), "2026-01-19");
    }
}
