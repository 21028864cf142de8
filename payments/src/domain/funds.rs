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
    /// How many were sold as the last record said.
    pub votes_published: u64,
    /// How many of those votes were written off and are still in the totals.
    pub votes_to_set_off: u64,
}

/// What the next record says of a funding source and vote value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Statement {
    /// Where the money came from.
    pub source: FundingSource,
    /// The price of one vote.
    pub value: Amount,
    /// What was received for the votes sold.
    pub received: Amount,
    /// How many votes were sold.
    pub votes_sold: u64,
    /// How many the record before said were sold.
    pub votes_before: u64,
    /// How many written-off votes it takes off the totals.
    pub votes_set_off: u64,
}

impl FundsTotal {
    /// What the next record says: written-off votes are set off against newly sold ones, so that no
    /// published total falls (docs/decisions/0004). `None`: the totals contradict each other.
    pub fn statement(&self) -> Option<Statement> {
        let newly_sold = self.votes_sold.checked_sub(self.votes_published)?;
        let votes_set_off = self.votes_to_set_off.min(newly_sold);
        let money_set_off = self.value.times(votes_set_off)?;
        Some(Statement {
            source: self.source,
            value: self.value,
            received: self.received.checked_sub(money_set_off)?,
            votes_sold: self.votes_sold - votes_set_off,
            votes_before: self.votes_published,
            votes_set_off,
        })
    }

    /// How many votes can have been signed at most: what was written off is never signed.
    pub fn votes_signable(&self) -> u64 {
        self.votes_sold.saturating_sub(self.votes_to_set_off)
    }
}

/// Whether so many votes can have been signed, when so many were sold. More is impossible: the database
/// of orders was set back to an earlier state, or somebody else has tokens signed (threat T19).
pub fn signed_fits(signed: u64, signable: u64) -> bool {
    signed <= signable
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
#[path = "funds_tests.rs"]
mod tests;
