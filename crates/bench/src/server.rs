//! The services that are measured, each in a process of its own.

use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use blindtally::system::{Layout, ServiceName};
use clock::Clock;
use service_kit::tls::{ClientTls, probe_client};
use tokio::process::Child;

use crate::{
    cpu,
    stage::{EngineSet, Stage, settings},
};

/// A start makes keys and databases.
const READY_WITHIN: Duration = Duration::from_mins(1);

/// Services in processes of their own, on a stage of their own.
pub struct Servers {
    children: Vec<Child>,
    // After the processes: fields are dropped in this order.
    stage: Stage,
}

impl Servers {
    /// Starts the services, in this order, and waits until each is ready.
    pub async fn start(engines: EngineSet, services: &[ServiceName]) -> anyhow::Result<Self> {
        let mut servers = Self {
            children: Vec::new(),
            stage: Stage::open(engines).await?,
        };
        for service in services {
            let arguments = ["serve", service.as_str()];
            let mut command = servers.stage.command(&arguments, *service)?;
            let child = command.stdout(Stdio::null()).spawn()?;
            servers.children.push(child);
            servers.wait_until_ready(*service).await?;
        }
        Ok(servers)
    }

    /// Where everything is.
    pub fn layout(&self) -> &Layout {
        self.stage.layout()
    }

    /// What they keep their data in.
    pub fn engines(&self) -> EngineSet {
        self.stage.engines()
    }

    /// The CPU time that the engines have used, where there are any.
    pub fn engines_cpu(&self) -> anyhow::Result<Option<Duration>> {
        self.stage.engines_cpu()
    }

    /// What a client shows that is allowed to call challenge-bypass.
    pub fn client_tls(&self) -> ClientTls {
        let own = self.layout().pki().identity("payments-client");
        ClientTls {
            ca_file: self.layout().pki().ca(),
            certificate_file: own.certificate,
            key_file: own.key,
        }
    }

    /// What a client shows that has no certificate.
    pub fn anonymous_tls(&self) -> ClientTls {
        ClientTls {
            ca_file: self.layout().pki().ca(),
            ..ClientTls::default()
        }
    }

    /// The CPU time that all of them have used.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        let used = self.children.iter().map(|child| {
            let pid = child.id().context("a service has ended")?;
            cpu::of_process(pid)
        });
        used.sum()
    }

    async fn wait_until_ready(&mut self, service: ServiceName) -> anyhow::Result<()> {
        let client = probe_client(Duration::from_secs(2))?;
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            let answer = client.get(self.layout().ready_url(service)).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            anyhow::ensure!(Instant::now() < deadline, "{service} is not ready");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl std::fmt::Debug for Servers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Servers")
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}

/// Runs a service with the settings in `file`, as its own program does.
pub async fn serve(name: ServiceName, file: &Path) -> anyhow::Result<()> {
    service_kit::telemetry::init("warn")?;
    let (settings, clock) = (settings(name, file), Clock::system());
    let service = match name {
        ServiceName::ChallengeBypass => {
            let rules = challenge_bypass::Rules::default();
            let deps = challenge_bypass::Deps { clock, rules };
            challenge_bypass::build(settings.load()?, deps).await?
        }
        ServiceName::Payments => {
            let rules = payments::Rules::default();
            payments::build(settings.load()?, payments::Deps { clock, rules }).await?
        }
        ServiceName::SandboxCustodian | ServiceName::Tally => {
            anyhow::bail!("{name} is not measured")
        }
    };
    service.run_until_signal().await
}
