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
    let day: NaiveDate = text.parse().map_err(|_| Refusal::BadDay)?;
    if day.to_string() == text && is_past(day, today) {
        Ok(day)
    } else {
        Err(Refusal::BadDay)
    }
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
            "9.2.2026",
            "",
        ] {
            assert_eq!(read_day(bad, today), Err(Refusal::BadDay), "{bad}");
        }
    }
}
