//! How long a key signs.

use std::{fmt, str::FromStr};

use chrono::TimeDelta;

/// A whole number of days, 1 to [`Self::DAYS_MAX`]; in text an ISO 8601 duration, `P30D` or `P4W`.
///
/// Months and years have no fixed length, so they are refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeyPeriod(u32);

impl KeyPeriod {
    /// A little over a year: a key that signs for longer is a key that is never rotated.
    pub const DAYS_MAX: u32 = 400;

    /// A period of `days`; `None` when there are none, or too many.
    pub fn from_days(days: u32) -> Option<Self> {
        (1..=Self::DAYS_MAX).contains(&days).then_some(Self(days))
    }

    /// The days.
    pub fn days(self) -> u32 {
        self.0
    }

    /// The length of `count` periods.
    pub fn times(self, count: u32) -> TimeDelta {
        TimeDelta::days(i64::from(self.0) * i64::from(count))
    }
}

/// A text that is no period of whole days.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "a key period is an ISO 8601 duration of 1 to {} days, such as P30D",
    KeyPeriod::DAYS_MAX
)]
pub struct KeyPeriodError;

impl FromStr for KeyPeriod {
    type Err = KeyPeriodError;

    fn from_str(text: &str) -> Result<Self, KeyPeriodError> {
        let body = text.strip_prefix('P').ok_or(KeyPeriodError)?;
        let (digits, unit) = match (body.strip_suffix('D'), body.strip_suffix('W')) {
            (Some(digits), _) => (digits, 1),
            (None, Some(digits)) => (digits, 7),
            (None, None) => return Err(KeyPeriodError),
        };
        let plain = (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        let count: u32 = digits.parse().map_err(|_| KeyPeriodError)?;
        plain
            .then_some(count * unit)
            .and_then(Self::from_days)
            .ok_or(KeyPeriodError)
    }
}

impl fmt::Display for KeyPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "P{}D", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_days_and_weeks_are_read() {
        assert_eq!("P30D".parse(), Ok(KeyPeriod(30)));
        assert_eq!("P2W".parse(), Ok(KeyPeriod(14)));
        assert_eq!("P400D".parse(), Ok(KeyPeriod(400)));
        assert_eq!(KeyPeriod(30).to_string(), "P30D");
        assert_eq!(KeyPeriod(30).times(2), TimeDelta::days(60));
    }

    #[test]
    fn anything_else_is_refused() {
        for wrong in [
            "", "P", "PD", "30D", "P0D", "P401D", "P-1D", "P+1D", "P1M", "P1Y", "PT24H", "P1.5D",
            "P1D ", "p1d", "P9999D", "P100W",
        ] {
            assert_eq!(wrong.parse::<KeyPeriod>(), Err(KeyPeriodError), "{wrong}");
        }
    }
}
