//! What kind of system: the settings that differ from the services' defaults.

use super::{ServiceName, Settings};

/// The built-in SKUs, with keys for 15 days.
const SKUS_OF_HALF_A_MONTH: &str = r#"[
    { name = "user-wallet-vote", price = "0.25", currency = "BAT", description = "", funding_source = "user-wallet", key_period = "P15D", redeemable_periods = 2 },
    { name = "anon-card-vote", price = "0.25", currency = "BAT", description = "", funding_source = "anonymous-card", key_period = "P15D", redeemable_periods = 2 },
]"#;

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
        let slots: Vec<_> = (0..24).map(|hour| format!("{hour:02}:10")).collect();
        let slots: Vec<_> = slots.iter().map(String::as_str).collect();
        profile
            .payments
            .set("directory.key_notice_hours", 0)
            // Nobody revokes a key, and a month has many minutes.
            .set("directory.directory_poll_minutes", 60)
            .set_list("publication.publication_slots", &slots)
            .set("publication.publication_min_votes", 1);
        profile
            .tally
            .set("event_log.poll_seconds", 900)
            .set("limits.directory_heads_per_minute", 1_000_000);
        profile
    }

    /// As the demo, with keys that sell for half a month, so that they rotate in the middle of it.
    pub fn month() -> Self {
        let mut profile = Self::demo();
        profile.payments.set("skus", SKUS_OF_HALF_A_MONTH);
        // As often as there is a publication: looking at nothing takes most of a month's time.
        profile
            .payments
            .set("publication.figures_interval_minutes", 60);
        profile.tally.set("event_log.poll_seconds", 3_600);
        profile
    }

    /// For a system that somebody tries by hand: as the demo, on the real clock.
    pub fn up() -> Self {
        let mut profile = Self::demo();
        // The first head is witnessed within a minute, not within a quarter of an hour.
        profile
            .payments
            .set("publication.figures_interval_minutes", 1)
            .set("directory.directory_poll_minutes", 1);
        profile.tally.set("event_log.poll_seconds", 2);
        profile
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
