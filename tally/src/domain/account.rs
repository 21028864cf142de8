//! The accounts of the ledger.

use std::{fmt, str::FromStr};

use messages::{FundingSource, KeyId, publisher::Publisher};

/// Where money is.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Account {
    /// Value of tokens that were signed and never redeemed.
    Expired(FundingSource),
    /// What the operator keeps.
    Fees,
    /// What came in: its balance is what the source has paid, below zero.
    Funds(FundingSource),
    /// What was received and is not yet split.
    Pool(FundingSource),
    /// What a publisher is owed.
    Publisher(Publisher),
    /// Value of a revoked key's unredeemed tokens.
    Revoked(KeyId),
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired(source) => write!(f, "expired:{source}"),
            Self::Fees => f.write_str("fees"),
            Self::Funds(source) => write!(f, "funds:{source}"),
            Self::Pool(source) => write!(f, "pool:{source}"),
            Self::Publisher(channel) => write!(f, "publisher:{channel}"),
            Self::Revoked(key) => write!(f, "revoked:{key}"),
        }
    }
}

/// A text that names no account.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the ledger has no account of this name")]
pub struct UnknownAccount;

impl FromStr for Account {
    type Err = UnknownAccount;

    fn from_str(text: &str) -> Result<Self, UnknownAccount> {
        let (kind, name) = text.split_once(':').unwrap_or((text, ""));
        let source = || name.parse().map_err(|_| UnknownAccount);
        match kind {
            "expired" => source().map(Self::Expired),
            "fees" if text == "fees" => Ok(Self::Fees),
            "funds" => source().map(Self::Funds),
            "pool" => source().map(Self::Pool),
            "publisher" => Publisher::taken(name)
                .map(Self::Publisher)
                .map_err(|_| UnknownAccount),
            "revoked" => name.parse().map(Self::Revoked).map_err(|_| UnknownAccount),
            _ => Err(UnknownAccount),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_read_as_it_is_written_and_nothing_else_is() {
        for name in [
            "expired:user-wallet",
            "fees",
            "funds:anonymous-card",
            "pool:user-wallet",
            "publisher:example.com",
            "publisher:twitch#author:someone",
            "revoked:00112233445566778899aabbccddeeff",
        ] {
            let account: Account = name.parse().unwrap();
            assert_eq!(account.to_string(), name);
        }
        for name in [
            "",
            "fees:",
            "fees:x",
            "pool",
            "pool:uphold",
            "publisher:",
            "bank:x",
        ] {
            assert_eq!(name.parse::<Account>(), Err(UnknownAccount), "{name}");
        }
    }
}
