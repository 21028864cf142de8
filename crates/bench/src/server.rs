//! The services that are measured, each in a process of its own.

use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use blindtally::system::{Layout, Profile, ServiceName};
use clock::Clock;
use service_kit::tls::{ClientTls, probe_client};
use tokio::process::{Child, Command};

use crate::cpu;

/// A start makes keys and databases.
const READY_WITHIN: Duration = Duration::from_mins(1);

/// Services in processes of their own, on a folder of their own.
pub struct Servers {
    layout: Layout,
    children: Vec<Child>,
    // Removed when the processes have ended: fields are dropped in this order.
    _folder: tempfile::TempDir,
}

impl Servers {
    /// Starts the services, in this order, and waits until each is ready.
    pub async fn start(services: &[ServiceName]) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let layout = layout(folder.path())?;
        let mut servers = Self {
            layout,
            children: Vec::new(),
            _folder: folder,
        };
        for service in services {
            let child = Command::new(std::env::current_exe()?)
                .args(["serve", service.as_str()])
                .arg(servers.layout.dir())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .kill_on_drop(true)
                .spawn()?;
            servers.children.push(child);
            servers.wait_until_ready(*service).await?;
        }
        Ok(servers)
    }

    /// Where everything is.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What a client shows that is allowed to call challenge-bypass.
    pub fn client_tls(&self) -> ClientTls {
        let own = self.layout.pki().identity("payments-client");
        ClientTls {
            ca_file: self.layout.pki().ca(),
            certificate_file: own.certificate,
            key_file: own.key,
        }
    }

    /// What a client shows that has no certificate.
    pub fn anonymous_tls(&self) -> ClientTls {
        ClientTls {
            ca_file: self.layout.pki().ca(),
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
            let answer = client.get(self.layout.ready_url(service)).send().await;
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
            .field("layout", &self.layout)
            .finish_non_exhaustive()
    }
}

fn layout(folder: &Path) -> anyhow::Result<Layout> {
    Layout::open(folder, Profile::up())
}

/// Runs a service on a folder, as its own program does.
pub async fn serve(name: ServiceName, folder: &Path) -> anyhow::Result<()> {
    service_kit::telemetry::init("warn")?;
    let (settings, clock) = (layout(folder)?.settings(name), Clock::system());
    let service = match name {
        ServiceName::ChallengeBypass => {
            let rules = challenge_bypass::Rules::default();
            let deps = challenge_bypass::Deps { clock, rules };
            challenge_bypass::build(settings.load(name)?, deps).await?
        }
        ServiceName::Payments => {
            let rules = payments::Rules::default();
            payments::build(settings.load(name)?, payments::Deps { clock, rules }).await?
        }
        ServiceName::SandboxCustodian | ServiceName::Tally => {
            anyhow::bail!("{name} is not measured")
        }
    };
    service.run_until_signal().await
}
