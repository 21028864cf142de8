//! From settings to a service.

use clock::Clock;
use sandbox_custodian::Sandbox;
use service_kit::Service;

use super::{Layout, Planted, ServiceName};

impl Layout {
    /// Builds one service of the system, and with the sandbox custodian its handle.
    pub async fn build(
        &self,
        name: ServiceName,
        clock: Clock,
        planted: &Planted,
    ) -> anyhow::Result<(Service, Option<Sandbox>)> {
        let settings = self.settings(name);
        let service = match name {
            ServiceName::ChallengeBypass => {
                let rules = planted.challenge_bypass.clone();
                let deps = challenge_bypass::Deps { clock, rules };
                challenge_bypass::build(settings.load(name)?, deps).await?
            }
            ServiceName::Payments => {
                let rules = planted.payments.clone();
                payments::build(settings.load(name)?, payments::Deps { clock, rules }).await?
            }
            ServiceName::SandboxCustodian => {
                let deps = sandbox_custodian::Deps { clock };
                let (service, sandbox) = sandbox_custodian::build(settings.load(name)?, deps)?;
                return Ok((service, Some(sandbox)));
            }
            ServiceName::Tally => {
                let rules = planted.tally.clone();
                tally::build(settings.load(name)?, tally::Deps { clock, rules }).await?
            }
        };
        Ok((service, None))
    }
}
