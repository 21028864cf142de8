//! The day that a record says it is of.

use chrono::{NaiveDate, TimeDelta};

use super::Refusal;

/// Whether a record of `day` can have been written by `today`. A day of tolerance: the writer's clock may be
/// a little ahead of ours at midnight. What lies further ahead would stand before everything true.
pub fn is_past(day: NaiveDate, today: NaiveDate) -> bool {
    day <= today + TimeDelta::days(1)
}

/// Reads a day that a record was written on: `YYYY-MM-DD`, no other spelling, and not in the future.
pub fn read_day(text: &str, today: NaiveDate) -> Result<NaiveDate, Refusal> {
    spelled(text)
        .filter(|day| is_past(*day, today))
        .ok_or(Refusal::BadDay)
}

/// The calendar's parser takes more spellings, and more time: every vote has a day.
fn spelled(text: &str) -> Option<NaiveDate> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text.as_bytes() else {
        return None;
    };
    let number = |digits: &[&u8]| {
        let mut digits = digits.iter();
        digits.try_fold(0, |number, digit| {
            Some(10 * number + char::from(**digit).to_digit(10)?)
        })
    };
    let year = i32::try_from(number(&[y1, y2, y3, y4])?).ok()?;
    NaiveDate::from_ymd_opt(year, number(&[m1, m2])?, number(&[d1, d2])?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_one_spelling_and_lies_no_further_ahead_than_tomorrow() {
        let today = "2026-02-09".parse().unwrap();

        assert_eq!(
            read_day("2026-02-10", today),
            Ok("2026-02-10".parse().unwrap())
        );
        for bad in [
            "2026-02-11",
            "2099-01-01",
            "2026-2-9",
            "+2026-02-09",
            "+202-02-09",
            "2026-00-09",
            "2025-02-29",
            "2026/02/09",
            "2026-02-0a",
            "２026-02-09",
            "9.2.2026",
            "",
        ] {
            assert_eq!(read_day(bad, today), Err(Refusal::BadDay), "{bad}");
        }
    }
}
