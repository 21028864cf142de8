//! The terms of an order as its capability carries them.
//!
//! An order that nobody paid is deleted soon. Its capability says all that is needed to make it again,
//! so that whoever pays late loses nothing.

use std::fmt;

use chrono::NaiveDate;
use messages::money::Amount;

use super::sku;

/// The most items that terms can have, whatever `order_items_max` says: more would not fit a capability.
pub const LINES_MAX: usize = 8;

/// What was ordered, for how much, and on which day.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Terms {
    /// The day on which the order was made, UTC.
    pub day: NaiveDate,
    /// The currency of all amounts.
    pub currency: String,
    /// What has to be paid.
    pub total: Amount,
    /// What for.
    pub lines: Vec<Line>,
}

/// One item of an order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Line {
    /// The SKU's name.
    pub sku: String,
    /// How many tokens.
    pub quantity: u32,
    /// The price of one.
    pub price: Amount,
}

impl Line {
    /// What the item costs; `None` when that is out of bounds.
    pub fn subtotal(&self) -> Option<Amount> {
        self.price.times(u64::from(self.quantity))
    }
}

impl Terms {
    /// Reads what [`fmt::Display`] writes, and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let terms = Self {
            day: words.next()?.parse().ok()?,
            currency: words.next()?.to_owned(),
            total: words.next()?.parse().ok()?,
            lines: words.next()?.split(',').map(line).collect::<Option<_>>()?,
        };
        let fits = words.next().is_none()
            && sku::is_currency(&terms.currency)
            && terms.lines.len() <= LINES_MAX
            && terms.sum() == Some(terms.total)
            && terms.to_string() == text;
        fits.then_some(terms)
    }

    /// What the lines cost together; `None` when that is out of bounds.
    pub fn sum(&self) -> Option<Amount> {
        self.lines
            .iter()
            .try_fold(Amount::ZERO, |sum, line| sum.checked_add(line.subtotal()?))
    }
}

impl fmt::Display for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} ", self.day, self.currency, self.total)?;
        for (index, line) in self.lines.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{}:{}:{}", line.sku, line.quantity, line.price)?;
        }
        Ok(())
    }
}

fn line(text: &str) -> Option<Line> {
    let mut parts = text.split(':');
    let line = Line {
        sku: parts.next()?.to_owned(),
        quantity: parts.next()?.parse().ok()?,
        price: parts.next()?.parse().ok()?,
    };
    (parts.next().is_none() && sku::is_name(&line.sku) && line.quantity > 0).then_some(line)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "2026-01-31 BAT 11 user-wallet-vote:40:0.25,other:4:0.25";

    #[test]
    fn terms_read_as_they_are_written() {
        let terms = Terms::parse(TEXT).unwrap();
        assert_eq!(terms.lines.len(), 2);
        assert_eq!(terms.to_string(), TEXT);
    }

    #[test]
    fn terms_of_another_form_are_refused() {
        for wrong in [
            String::new(),
            TEXT.replace(' ', "  "),
            format!("{TEXT} "),
            format!("{TEXT},"),
            TEXT.replace("BAT 11", "BAT 12"),
            TEXT.replace("BAT 11", "BAT 11.0"),
            TEXT.replace("BAT", "bat"),
            TEXT.replace(":40:", ":040:"),
            TEXT.replace(":40:", ":+40:"),
            TEXT.replace("other:4:", "other:0:"),
            TEXT.replace("2026-01-31", "2026-1-31"),
            TEXT.replace("2026-01-31", "2026-02-31"),
        ] {
            assert_eq!(Terms::parse(&wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            days in 0_i32..40_000,
            lines in proptest::collection::vec((1_u32..=400, 1_i128..=10_i128.pow(24)), 1..=4),
        ) {
            let lines: Vec<_> = lines.into_iter().map(|(quantity, units)| Line {
                sku: "a-sku".to_owned(),
                quantity,
                price: Amount::from_base_units(units).unwrap(),
            }).collect();
            let mut terms = Terms {
                day: NaiveDate::from_epoch_days(days).unwrap(),
                currency: "BAT".to_owned(),
                total: Amount::ZERO,
                lines,
            };
            terms.total = terms.sum().unwrap();
            prop_assert_eq!(Terms::parse(&terms.to_string()), Some(terms));
        }
    }
}
