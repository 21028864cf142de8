//! Amounts of money, exact.

use std::{borrow::Cow, fmt, iter, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, schema::Type};

/// A non-negative amount in base units of 10⁻¹⁸ of its currency, at most [`Amount::MAX`].
///
/// In JSON and in text: plain decimal notation, at most 18 fraction digits, no sign, no exponent, no
/// superfluous leading zero. Trailing zeros are read and not written.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Amount(i128);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount: what fits `NUMERIC(38,0)` in base units.
    pub const MAX: Self = Self(10_i128.pow(38) - 1);
    /// Base units in one unit of the currency.
    pub const ONE: Self = Self(10_i128.pow(Self::FRACTION_DIGITS));
    const FRACTION_DIGITS: u32 = 18;

    /// An amount in base units; `None` when negative or above [`Amount::MAX`].
    pub fn from_base_units(units: i128) -> Option<Self> {
        (0..=Self::MAX.0).contains(&units).then_some(Self(units))
    }

    /// The amount in base units, 0 to 10³⁸ − 1.
    pub fn base_units(self) -> i128 {
        self.0
    }

    /// Whether there is nothing.
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum; `None` above [`Amount::MAX`].
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).and_then(Self::from_base_units)
    }

    /// The difference; `None` when it would be negative.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).and_then(Self::from_base_units)
    }

    /// The amount `count` times; `None` above [`Amount::MAX`].
    #[must_use]
    pub fn times(self, count: u64) -> Option<Self> {
        self.0
            .checked_mul(i128::from(count))
            .and_then(Self::from_base_units)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0 / Self::ONE.0;
        let fraction = self.0 % Self::ONE.0;
        if fraction == 0 {
            return write!(f, "{whole}");
        }
        let digits = format!("{fraction:018}");
        write!(f, "{whole}.{}", digits.trim_end_matches('0'))
    }
}

/// A text that is no amount.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an amount is a non-negative decimal in plain notation with at most 18 fraction digits")]
pub struct InvalidAmount;

impl FromStr for Amount {
    type Err = InvalidAmount;

    fn from_str(text: &str) -> Result<Self, InvalidAmount> {
        let (whole, fraction) = match text.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (text, None),
        };
        let digits = |part: &str, max: usize| {
            (1..=max).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
        };
        let leading_zero = whole.len() > 1 && whole.starts_with('0');
        if !digits(whole, 20) || leading_zero || fraction.is_some_and(|part| !digits(part, 18)) {
            return Err(InvalidAmount);
        }
        let fraction = fraction.unwrap_or_default().bytes();
        let fraction = fraction.chain(iter::repeat(b'0')).take(18);
        // 38 digits at most, which fit.
        let units = whole.bytes().chain(fraction).fold(0_i128, |units, digit| {
            10 * units + i128::from(digit.saturating_sub(b'0'))
        });
        Self::from_base_units(units).ok_or(InvalidAmount)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl utoipa::PartialSchema for Amount {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(r"^(0|[1-9][0-9]{0,19})(\.[0-9]{1,18})?$"))
            .into()
    }
}

impl utoipa::ToSchema for Amount {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_price_reads_and_writes_as_people_write_it() {
        let price: Amount = "0.25".parse().unwrap();
        assert_eq!(price.base_units(), 250_000_000_000_000_000);
        assert_eq!(price.times(40).unwrap().to_string(), "10");
        assert_eq!("0.250".parse(), Ok(price));
        assert_eq!("1".parse(), Ok(Amount::ONE));
    }

    #[test]
    fn what_is_no_plain_decimal_is_refused() {
        for wrong in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "+1",
            "1e3",
            "01",
            "00",
            "1,5",
            " 1",
            "1 ",
            "0x1",
            "1_0",
            "0.1234567890123456789",
            "100000000000000000000",
            "999999999999999999999",
            "NaN",
        ] {
            assert_eq!(wrong.parse::<Amount>(), Err(InvalidAmount), "{wrong}");
        }
    }

    #[test]
    fn arithmetic_stops_at_the_bounds() {
        assert_eq!(Amount::MAX.checked_add(Amount(1)), None);
        assert_eq!(Amount::ZERO.checked_sub(Amount(1)), None);
        assert_eq!(Amount::MAX.times(2), None);
        assert_eq!(Amount::from_base_units(-1), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(units in 0..=Amount::MAX.0) {
            let amount = Amount::from_base_units(units).unwrap();
            prop_assert_eq!(amount.to_string().parse(), Ok(amount));
        }
    }
}
