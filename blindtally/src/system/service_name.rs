//! The services of the system.

use std::{fmt, str::FromStr};

/// A service of the system.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ServiceName {
    /// Signs blinded tokens, and takes each token once.
    ChallengeBypass,
    /// Sells tokens and takes votes.
    Payments,
    /// Moves money.
    SandboxCustodian,
    /// Counts votes and splits the money.
    Tally,
}

impl ServiceName {
    /// All services, in the order in which they start: each after those that it calls.
    pub const ALL: [Self; 4] = [
        Self::SandboxCustodian,
        Self::ChallengeBypass,
        Self::Tally,
        Self::Payments,
    ];

    /// The name of the service, of its program and of its certificate.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ChallengeBypass => "challenge-bypass",
            Self::Payments => "payments",
            Self::SandboxCustodian => "sandbox-custodian",
            Self::Tally => "tally",
        }
    }

    /// The file with all its settings, as they are where nothing else is said.
    pub fn defaults(self) -> &'static str {
        match self {
            Self::ChallengeBypass => challenge_bypass::config::DEFAULTS,
            Self::Payments => payments::config::DEFAULTS,
            Self::SandboxCustodian => sandbox_custodian::config::DEFAULTS,
            Self::Tally => tally::config::DEFAULTS,
        }
    }
}

impl FromStr for ServiceName {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let named = Self::ALL.into_iter().find(|name| name.as_str() == text);
        named.ok_or_else(|| anyhow::anyhow!("there is no service {text}"))
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
