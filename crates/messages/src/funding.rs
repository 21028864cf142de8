//! Where the money of a vote came from.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The two kinds of funds, which are never mixed (goal G3).
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum FundingSource {
    /// A grant on an anonymous card.
    AnonymousCard,
    /// The user's own money, at a custodian.
    UserWallet,
}

impl FundingSource {
    /// Both, in the order of their names.
    pub const ALL: [Self; 2] = [Self::AnonymousCard, Self::UserWallet];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AnonymousCard => "anonymous-card",
            Self::UserWallet => "user-wallet",
        }
    }
}

impl fmt::Display for FundingSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no funding source.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a funding source is anonymous-card or user-wallet")]
pub struct UnknownFundingSource;

impl FromStr for FundingSource {
    type Err = UnknownFundingSource;

    fn from_str(text: &str) -> Result<Self, UnknownFundingSource> {
        Self::ALL
            .into_iter()
            .find(|source| source.as_str() == text)
            .ok_or(UnknownFundingSource)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_text_use_one_name() {
        for source in FundingSource::ALL {
            assert_eq!(serde_json::to_value(source).unwrap(), source.as_str());
            assert_eq!(source.as_str().parse(), Ok(source));
        }
        assert_eq!("uphold".parse::<FundingSource>(), Err(UnknownFundingSource));
    }
}
