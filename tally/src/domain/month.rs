//! Months of the calendar, in UTC.

use std::{borrow::Cow, fmt, str::FromStr};

use chrono::{Datelike as _, Months, NaiveDate};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, schema::Type};

/// A month: `2026-01`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Month(NaiveDate);

impl Month {
    /// The month that `day` is in.
    pub fn of(day: NaiveDate) -> Self {
        Self(day.with_day(1).unwrap_or(day))
    }

    /// Its first day.
    pub fn first_day(self) -> NaiveDate {
        self.0
    }

    /// Its last day.
    pub fn last_day(self) -> NaiveDate {
        let next = self.next().first_day();
        next.pred_opt().unwrap_or(next)
    }

    /// The month after it.
    #[must_use]
    pub fn next(self) -> Self {
        self.after(1)
    }

    /// The month `months` later.
    #[must_use]
    pub fn after(self, months: u32) -> Self {
        Self(
            self.0
                .checked_add_months(Months::new(months))
                .unwrap_or(NaiveDate::MAX),
        )
    }

    /// The month `months` earlier.
    #[must_use]
    pub fn before(self, months: u32) -> Self {
        Self(
            self.0
                .checked_sub_months(Months::new(months))
                .unwrap_or(NaiveDate::MIN),
        )
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0.year(), self.0.month())
    }
}

/// A text that names no month.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a month is written as 2026-01")]
pub struct InvalidMonth;

impl FromStr for Month {
    type Err = InvalidMonth;

    fn from_str(text: &str) -> Result<Self, InvalidMonth> {
        if text.len() != 7 {
            return Err(InvalidMonth);
        }
        let day: NaiveDate = format!("{text}-01").parse().map_err(|_| InvalidMonth)?;
        let month = Self::of(day);
        if month.to_string() == text {
            Ok(month)
        } else {
            Err(InvalidMonth)
        }
    }
}

impl Serialize for Month {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Month {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl utoipa::PartialSchema for Month {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^[0-9]{4}-(0[1-9]|1[0-2])$"))
            .into()
    }
}

impl utoipa::ToSchema for Month {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_knows_its_days_and_neighbours() {
        let month: Month = "2026-12".parse().unwrap();
        assert_eq!(month.first_day().to_string(), "2026-12-01");
        assert_eq!(month.last_day().to_string(), "2026-12-31");
        assert_eq!(month.next().to_string(), "2027-01");
        assert_eq!(month.before(13).to_string(), "2025-11");
        assert_eq!(Month::of("2026-12-31".parse().unwrap()), month);
    }

    #[test]
    fn other_texts_are_no_months() {
        for text in [
            "",
            "2026",
            "2026-13",
            "2026-00",
            "2026-1",
            "26-01",
            "2026-01-01",
            "2026/01",
            "+026-01",
        ] {
            assert_eq!(text.parse::<Month>(), Err(InvalidMonth), "{text}");
        }
    }
}
