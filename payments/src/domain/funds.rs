//! When a record of the funds received is made (contracts §3).
//!
//! Daily figures of a quiet shop would show single purchases, so a quiet week gets one record. A month cannot close
//! without a record of its last day or a later one, so that day always gets one.

use chrono::{DateTime, Datelike as _, Days, NaiveDate, TimeDelta, Utc};
use messages::{FundingSource, money::Amount};

/// With fewer orders than this on one of its days, a week gets a single record.
pub const BUSY_DAY_ORDERS_MIN: u64 = 20;

/// How many days the rule looks back, and how far apart the records of quiet weeks are.
pub const WEEK_DAYS: u64 = 7;

/// How long after the end of a day its record is made: half an hour, so that what was paid at midnight is stored.
pub fn record_delay() -> TimeDelta {
    TimeDelta::minutes(30)
}

/// What was received and sold for one funding source and vote value since the beginning.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FundsTotal {
    /// Where the money came from.
    pub source: FundingSource,
    /// The price of one vote.
    pub value: Amount,
    /// The currency of the price.
    pub currency: String,
    /// What orders that became paid were worth; no surplus.
    pub received: Amount,
    /// How many votes those orders bought.
    pub votes_sold: u64,
}

/// The last day that is over by enough for its record.
pub fn last_complete_day(now: DateTime<Utc>) -> NaiveDate {
    (now - record_delay())
        .date_naive()
        .pred_opt()
        .expect("the calendar has a day before")
}

/// When the next day is over by enough for its record.
pub fn next_check(now: DateTime<Utc>) -> DateTime<Utc> {
    let midnight = (now - record_delay())
        .date_naive()
        .succ_opt()
        .expect("the calendar has a next day");
    midnight.and_time(chrono::NaiveTime::MIN).and_utc() + record_delay()
}

/// The first of the seven days that decide whether `day` gets a record of its own.
pub fn week_start(day: NaiveDate) -> NaiveDate {
    day.checked_sub_days(Days::new(WEEK_DAYS - 1))
        .expect("the calendar has a week before")
}

/// Whether `day` gets a record, when the last one was of the day `last` and the seven days up to `day` had
/// `quietest_day_orders` orders on the quietest of them.
pub fn record_is_due(day: NaiveDate, last: Option<NaiveDate>, quietest_day_orders: u64) -> bool {
    let Some(last) = last else { return true };
    if day <= last {
        return false;
    }
    quietest_day_orders >= BUSY_DAY_ORDERS_MIN
        || (day - last).num_days() >= WEEK_DAYS.cast_signed()
        || a_month_ended_between(last, day)
}

/// Whether the last day of a month lies after `last` and not after `day`.
fn a_month_ended_between(last: NaiveDate, day: NaiveDate) -> bool {
    let month = |date: NaiveDate| (date.year(), date.month());
    let next = |date: NaiveDate| date.succ_opt().expect("the calendar has a next day");
    month(next(last)) != month(next(day))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_busy_shop_gets_a_record_each_day_and_a_quiet_one_each_week() {
        let last = Some(day("2026-01-05"));

        assert!(record_is_due(day("2026-01-06"), last, 20));
        assert!(!record_is_due(day("2026-01-06"), last, 19));
        assert!(!record_is_due(day("2026-01-11"), last, 0));
        assert!(record_is_due(day("2026-01-12"), last, 0));
        assert!(record_is_due(day("2026-01-06"), None, 0));
    }

    #[test]
    fn the_last_day_of_a_month_always_gets_a_record_even_late() {
        assert!(record_is_due(day("2026-01-31"), Some(day("2026-01-30")), 0));
        assert!(record_is_due(day("2026-02-02"), Some(day("2026-01-30")), 0));
        assert!(!record_is_due(
            day("2026-02-01"),
            Some(day("2026-01-31")),
            0
        ));
        assert!(record_is_due(day("2026-12-31"), Some(day("2026-12-30")), 0));
    }

    #[test]
    fn no_day_gets_two_records() {
        assert!(!record_is_due(
            day("2026-01-31"),
            Some(day("2026-01-31")),
            1000
        ));
        assert!(!record_is_due(
            day("2026-01-30"),
            Some(day("2026-01-31")),
            1000
        ));
    }

    #[test]
    fn the_record_of_a_day_is_made_half_an_hour_after_its_end() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();

        assert_eq!(
            last_complete_day(at("2026-02-01T00:30:00Z")),
            day("2026-01-31")
        );
        assert_eq!(
            last_complete_day(at("2026-02-01T00:29:59Z")),
            day("2026-01-30")
        );
        assert_eq!(
            next_check(at("2026-02-01T00:30:00Z")),
            at("2026-02-02T00:30:00Z")
        );
        assert_eq!(
            next_check(at("2026-02-01T00:29:59Z")),
            at("2026-02-01T00:30:00Z")
        );
    }
}
