//! How long an epoch lasts.

use std::{fmt, num::NonZeroU32, str::FromStr};

/// How long an epoch lasts: so many months of the calendar, or so many seconds.
///
/// Written as `star-randsrv` takes it: numbers and units, as in `1w` or `1d12h`. Months (`mon`) and years (`y`) are not
/// mixed with weeks, days, hours, minutes and seconds (`w`, `d`, `h`, `m`, `s`): where such epochs begin would depend
/// on the order in which both are added.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EpochDuration {
    /// Months of the calendar.
    Months(NonZeroU32),
    /// Seconds: 136 years at most.
    Seconds(NonZeroU32),
}

/// A text that is no duration of an epoch.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "an epoch lasts for numbers with the units w, d, h, m and s, or with the units y and mon: 1w, 1d12h, 1mon"
)]
pub struct EpochDurationError;

impl FromStr for EpochDuration {
    type Err = EpochDurationError;

    fn from_str(text: &str) -> Result<Self, EpochDurationError> {
        let (months, seconds) = sums(text).ok_or(EpochDurationError)?;
        match (NonZeroU32::new(months), NonZeroU32::new(seconds)) {
            (Some(months), None) => Ok(Self::Months(months)),
            (None, Some(seconds)) => Ok(Self::Seconds(seconds)),
            (None, None) | (Some(_), Some(_)) => Err(EpochDurationError),
        }
    }
}

/// The months and the seconds in a text.
fn sums(text: &str) -> Option<(u32, u32)> {
    let (mut months, mut seconds) = (0_u32, 0_u32);
    let mut rest = text;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let end = after.find(|c: char| c.is_ascii_digit());
        let (unit, next) = after.split_at(end.unwrap_or(after.len()));
        let (sum, size) = match unit {
            "y" => (&mut months, 12),
            "mon" => (&mut months, 1),
            "w" => (&mut seconds, 7 * 24 * 60 * 60),
            "d" => (&mut seconds, 24 * 60 * 60),
            "h" => (&mut seconds, 60 * 60),
            "m" => (&mut seconds, 60),
            "s" => (&mut seconds, 1),
            _ => return None,
        };
        let more = number.parse::<u32>().ok()?.checked_mul(size)?;
        *sum = sum.checked_add(more)?;
        rest = next;
    }
    Some((months, seconds))
}

/// One text for each duration: it is sealed in with the keys.
impl fmt::Display for EpochDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Months(months) => write!(f, "{months}mon"),
            Self::Seconds(seconds) => write!(f, "{seconds}s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_months_or_sums_of_smaller_units() {
        for (text, canonical) in [
            ("5s", "5s"),
            ("1w", "604800s"),
            ("1d12h", "129600s"),
            ("2m30s", "150s"),
            ("1mon", "1mon"),
            ("1y6mon", "18mon"),
        ] {
            let duration: EpochDuration = text.parse().unwrap();
            assert_eq!(duration.to_string(), canonical);
            assert_eq!(canonical.parse(), Ok(duration));
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for wrong in [
            "",
            "0s",
            "5",
            "s",
            "5x",
            "-5s",
            "1mon1s",
            "1 w",
            "1.5d",
            "5S",
            "99999999999s",
            "9999w",
        ] {
            assert_eq!(
                wrong.parse::<EpochDuration>(),
                Err(EpochDurationError),
                "{wrong}"
            );
        }
    }
}
