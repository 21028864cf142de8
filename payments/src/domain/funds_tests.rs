use proptest::prelude::*;

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

/// What happens between two records.
#[derive(Clone, Copy, Debug)]
enum Step {
    Record,
    Sell(u64),
    WriteOff(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        Just(Step::Record),
        (1..50_u64).prop_map(Step::Sell),
        (1..50_u64).prop_map(Step::WriteOff),
    ];
    proptest::collection::vec(step, 1..60)
}

fn total() -> FundsTotal {
    FundsTotal {
        source: FundingSource::UserWallet,
        value: "0.25".parse().unwrap(),
        currency: "BAT".to_owned(),
        received: Amount::ZERO,
        votes_sold: 0,
        votes_published: 0,
        votes_to_set_off: 0,
    }
}

/// Does what the store does when a record is made.
fn record(total: &mut FundsTotal) -> Statement {
    let statement = total.statement().unwrap();
    total.received = statement.received;
    total.votes_sold = statement.votes_sold;
    total.votes_published = statement.votes_sold;
    total.votes_to_set_off -= statement.votes_set_off;
    statement
}

proptest! {
    #[test]
    fn published_totals_never_fall_and_written_off_votes_leave_them_in_the_end(steps in steps()) {
        let mut total = total();
        let (mut sold, mut written_off) = (0, 0);
        for step in steps {
            match step {
                Step::Sell(votes) => {
                    sold += votes;
                    total.votes_sold += votes;
                    total.received = total.value.times(total.votes_sold).unwrap();
                }
                Step::WriteOff(votes) => {
                    let votes = votes.min(total.votes_signable());
                    written_off += votes;
                    total.votes_to_set_off += votes;
                }
                Step::Record => {
                    let before = total.votes_published;
                    let statement = record(&mut total);
                    prop_assert!(statement.votes_sold >= before, "it fell");
                    prop_assert!(statement.votes_sold >= sold - written_off, "less than can be signed");
                    prop_assert_eq!(Some(statement.received), total.value.times(statement.votes_sold));
                }
            }
            prop_assert_eq!(total.votes_signable(), sold - written_off);
        }

        total.votes_sold += written_off;
        total.received = total.value.times(total.votes_sold).unwrap();
        prop_assert_eq!(record(&mut total).votes_sold, sold);
    }
}

#[test]
fn totals_that_contradict_each_other_make_no_record() {
    let mut total = total();
    total.votes_published = 1;

    assert_eq!(total.statement(), None);
}
