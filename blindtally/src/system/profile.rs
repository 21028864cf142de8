//! What kind of system: the settings that differ from the services' defaults.

use super::{ServiceName, Settings};

/// The settings of a kind of system, beyond those that say where things are.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// What every service is told.
    pub every: Settings,
    /// What challenge-bypass is told.
    pub challenge_bypass: Settings,
    /// What payments is told.
    pub payments: Settings,
    /// What the sandbox custodian is told.
    pub sandbox_custodian: Settings,
    /// What tally is told.
    pub tally: Settings,
}

impl Profile {
    /// For one simulated month: keys without notice, a publication each hour, however few votes wait,
    /// and no limit on how fast one address may ask, since all browsers have the same one.
    pub fn demo() -> Self {
        let mut profile = Self::default();
        profile.every.set("http.rate_limit.units_per_minute", 0);
        profile.every.set("http.connections_per_client_max", 4_096);
        profile.challenge_bypass.set("keys.notice_hours", 0);
        profile
    }

    /// For a system that somebody tries by hand: as the demo, on the real clock.
    pub fn up() -> Self {
        Self::demo()
    }

    /// The settings of one service.
    pub(super) fn of(&self, service: ServiceName) -> &Settings {
        match service {
            ServiceName::ChallengeBypass => &self.challenge_bypass,
            ServiceName::Payments => &self.payments,
            ServiceName::SandboxCustodian => &self.sandbox_custodian,
            ServiceName::Tally => &self.tally,
        }
    }
}
