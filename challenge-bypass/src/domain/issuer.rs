//! Issuers and their terms, which never change.

use std::{fmt, str::FromStr};

use messages::{
    FundingSource,
    challenge_bypass::{Derivation, IssuerTerms},
    money::Amount,
};

use super::{KeyPeriod, KeyPeriodError};

/// The name of an issuer: 1 to [`Self::BYTES_MAX`] visible ASCII characters, matched exactly.
///
/// Payments' names look like `brave.com?sku=user-wallet-vote`, as older clients know them.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct IssuerName(String);

impl IssuerName {
    /// Longer than any name in use; names stand in every key and directory entry.
    pub const BYTES_MAX: usize = 128;

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that names no issuer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a name has 1 to {} visible ASCII characters", IssuerName::BYTES_MAX)]
pub struct IssuerNameError;

impl TryFrom<String> for IssuerName {
    type Error = IssuerNameError;

    fn try_from(name: String) -> Result<Self, IssuerNameError> {
        let fits = (1..=Self::BYTES_MAX).contains(&name.len());
        if fits && name.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(name))
        } else {
            Err(IssuerNameError)
        }
    }
}

impl FromStr for IssuerName {
    type Err = IssuerNameError;

    fn from_str(name: &str) -> Result<Self, IssuerNameError> {
        name.to_owned().try_into()
    }
}

impl fmt::Display for IssuerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An issuer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Issuer {
    /// Its name.
    pub name: IssuerName,
    /// Its terms.
    pub terms: Terms,
}

/// What an issuer's tokens are, what they cost, and how long its keys live.
///
/// They never change: a token is worth what was paid for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Terms {
    /// Whose money buys the tokens.
    pub funding_source: FundingSource,
    /// The SKU that the tokens are.
    pub sku: String,
    /// The price of a token, never nothing.
    pub price: Amount,
    /// The currency of the price.
    pub currency: String,
    /// How long a key signs.
    pub key_period: KeyPeriod,
    /// For how many periods, from its first day on, a key redeems.
    pub redeemable_periods: u32,
    /// How tokens are derived.
    pub derivation: Derivation,
}

/// Why terms are refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidTerms {
    /// The currency is no currency code.
    #[error("a currency has 1 to 12 capital letters or digits")]
    Currency,
    /// The period cannot be used.
    #[error(transparent)]
    KeyPeriod(#[from] KeyPeriodError),
    /// The old derivation, which can be forged (threat T9). No part of this service speaks it yet.
    #[error("the legacy derivation is not allowed")]
    Legacy,
    /// Tokens that cost nothing.
    #[error("a price is above zero")]
    Price,
    /// A key would redeem for no time, or for too long.
    #[error("a key redeems for 1 to {} periods", Terms::REDEEMABLE_PERIODS_MAX)]
    RedeemablePeriods,
    /// The SKU is no SKU.
    #[error("a SKU has 1 to 64 lower-case letters, digits or hyphens")]
    Sku,
}

impl InvalidTerms {
    /// The JSON pointer of the member that is wrong.
    pub fn field(self) -> &'static str {
        match self {
            Self::Currency => "/currency",
            Self::KeyPeriod(_) => "/keyPeriod",
            Self::Legacy => "/derivation",
            Self::Price => "/price",
            Self::RedeemablePeriods => "/redeemablePeriods",
            Self::Sku => "/sku",
        }
    }
}

impl Terms {
    /// Two years of monthly keys. Every key that redeems is one that may be stolen.
    pub const REDEEMABLE_PERIODS_MAX: u32 = 24;
}

impl TryFrom<IssuerTerms> for Terms {
    type Error = InvalidTerms;

    fn try_from(terms: IssuerTerms) -> Result<Self, InvalidTerms> {
        let sku = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let currency = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
        let made_of = |text: &str, max: usize, wanted: &dyn Fn(u8) -> bool| {
            (1..=max).contains(&text.len()) && text.bytes().all(wanted)
        };
        if !made_of(&terms.sku, 64, &sku) {
            return Err(InvalidTerms::Sku);
        }
        if !made_of(&terms.currency, 12, &currency) {
            return Err(InvalidTerms::Currency);
        }
        if terms.price.is_zero() {
            return Err(InvalidTerms::Price);
        }
        if !(1..=Self::REDEEMABLE_PERIODS_MAX).contains(&terms.redeemable_periods) {
            return Err(InvalidTerms::RedeemablePeriods);
        }
        if terms.derivation == Derivation::Legacy {
            return Err(InvalidTerms::Legacy);
        }
        Ok(Self {
            funding_source: terms.funding_source,
            sku: terms.sku,
            price: terms.price,
            currency: terms.currency,
            key_period: terms.key_period.parse()?,
            redeemable_periods: terms.redeemable_periods,
            derivation: terms.derivation,
        })
    }
}

impl From<Terms> for IssuerTerms {
    fn from(terms: Terms) -> Self {
        Self {
            funding_source: terms.funding_source,
            sku: terms.sku,
            price: terms.price,
            currency: terms.currency,
            key_period: terms.key_period.to_string(),
            redeemable_periods: terms.redeemable_periods,
            derivation: terms.derivation,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms() -> IssuerTerms {
        IssuerTerms {
            funding_source: FundingSource::UserWallet,
            sku: "user-wallet-vote".to_owned(),
            price: "0.25".parse().unwrap(),
            currency: "BAT".to_owned(),
            key_period: "P30D".to_owned(),
            redeemable_periods: 2,
            derivation: Derivation::Rfc9497,
        }
    }

    #[test]
    fn a_name_is_matched_as_it_stands_and_bounded() {
        let name = "brave.com?sku=user-wallet-vote";
        assert_eq!(name.parse::<IssuerName>().unwrap().as_str(), name);
        assert!("x".repeat(128).parse::<IssuerName>().is_ok());
        for wrong in ["", "a b", "a\n", "ä", &"x".repeat(129)] {
            assert_eq!(wrong.parse::<IssuerName>(), Err(IssuerNameError), "{wrong}");
        }
    }

    #[test]
    fn terms_are_read_as_they_are_written() {
        let read = Terms::try_from(terms()).unwrap();
        assert_eq!(IssuerTerms::from(read), terms());
    }

    #[test]
    fn each_rule_of_the_terms_refuses_what_breaks_it() {
        let broken = |change: &dyn Fn(&mut IssuerTerms)| {
            let mut terms = terms();
            change(&mut terms);
            Terms::try_from(terms).unwrap_err().field()
        };

        assert_eq!(broken(&|t| t.sku = String::new()), "/sku");
        assert_eq!(broken(&|t| t.sku = "A".to_owned()), "/sku");
        assert_eq!(broken(&|t| t.sku = "a".repeat(65)), "/sku");
        assert_eq!(broken(&|t| t.currency = "bat".to_owned()), "/currency");
        assert_eq!(broken(&|t| t.currency = String::new()), "/currency");
        assert_eq!(broken(&|t| t.price = Amount::ZERO), "/price");
        assert_eq!(broken(&|t| t.redeemable_periods = 0), "/redeemablePeriods");
        assert_eq!(broken(&|t| t.redeemable_periods = 25), "/redeemablePeriods");
        assert_eq!(broken(&|t| t.key_period = "P1M".to_owned()), "/keyPeriod");
        assert_eq!(
            broken(&|t| t.derivation = Derivation::Legacy),
            "/derivation"
        );
    }
}
