//! The services as real processes, to be killed.

use std::{
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

use anyhow::Context as _;
use blindtally::system::{Layout, Profile, ServiceName};
use chrono::{TimeDelta, Timelike as _};
use clock::Clock;

use crate::{
    process::{Process, Program},
    programs,
};

/// Whoever is killed while it publishes holds up its successor for so long.
const LEASE_SECONDS: u64 = 2;

/// So many minutes of a day can be slots of publication.
const SLOTS: i64 = 96;

/// One process for each service, over one folder.
#[derive(Debug)]
pub struct Fleet {
    layout: Layout,
    programs: PathBuf,
    processes: Vec<(ServiceName, Process)>,
}

impl Fleet {
    /// Starts the services' programs in `dir`.
    pub async fn start(dir: &Path) -> anyhow::Result<Self> {
        Self::with(dir, profile()).await
    }

    /// Starts the services' programs in `dir`, with other settings than [`profile`].
    pub async fn with(dir: &Path, profile: Profile) -> anyhow::Result<Self> {
        let layout = Layout::open(dir, profile)?;
        let programs = programs::build().await?;
        let mut processes = Vec::new();
        for service in ServiceName::ALL {
            let settings = programs::settings_file(&layout, service)?;
            let process = Process::start(Program {
                name: service.as_str(),
                path: programs::program(&programs, service),
                arguments: vec!["--config".into(), settings.into()],
                admin: layout.listen(service).admin,
                log: layout.file(&format!("{service}.log")),
            });
            processes.push((service, process.await?));
        }
        let mut fleet = Self {
            layout,
            programs,
            processes,
        };
        fleet.layout.until_it_sells().await?;
        // A payments that starts publishes what waits: clients need the first head on the topic, and
        // a fleet cannot wait for the next regular turn.
        fleet.kill_and_restart(ServiceName::Payments, None).await?;
        Ok(fleet)
    }

    /// Where everything is.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Kills a service wherever it is, and starts it again. With `again` it is killed once more, so long
    /// after its start: in the middle of putting right what the first kill left.
    pub async fn kill_and_restart(
        &mut self,
        service: ServiceName,
        again: Option<Duration>,
    ) -> anyhow::Result<()> {
        for (name, process) in &mut self.processes {
            if *name == service {
                process.kill().await?;
                if let Some(after) = again {
                    process.respawn()?;
                    tokio::time::sleep(after).await;
                    process.kill().await?;
                }
                process.restart().await?;
            }
        }
        Ok(())
    }

    /// How much memory a service's process has, in bytes.
    pub async fn resident_bytes(&self, service: ServiceName) -> anyhow::Result<u64> {
        let mut found = self.processes.iter();
        let process = found.find(|(name, _)| *name == service);
        let (_, process) = process.context("every service has its process")?;
        process.resident_bytes().await
    }

    /// Runs another command of a service's program, with the service's settings.
    pub async fn run(&self, service: ServiceName, command: &[&str]) -> anyhow::Result<Output> {
        let settings = self.layout.file(&format!("{service}.toml"));
        let mut program = tokio::process::Command::new(programs::program(&self.programs, service));
        program.arg("--config").arg(settings).args(command);
        Ok(program.output().await?)
    }

    /// Stops all services in order, and says which did not end well.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        for (name, mut process) in self.processes.drain(..).rev() {
            let status = process.stop("TERM").await?;
            anyhow::ensure!(status.success(), "{name} ended with {status}");
        }
        Ok(())
    }
}

/// The settings of a fleet: the demo's, leases that lapse soon after a kill, and a slot of publication in
/// each of the next minutes, since a test that lasts a minute must see many.
pub fn profile() -> Profile {
    let mut profile = Profile::demo();
    let now = Clock::system().now();
    let slots = (1..=SLOTS).map(|minutes| {
        let slot = now + TimeDelta::minutes(minutes);
        format!("\"{:02}:{:02}\"", slot.hour(), slot.minute())
    });
    let slots = slots.collect::<Vec<_>>().join(", ");
    profile
        .payments
        .set("publication.publication_slots", format!("[{slots}]"))
        .set("publication.lease_seconds", LEASE_SECONDS);
    profile
        .tally
        .set("event_log.lease_seconds", LEASE_SECONDS)
        .set("event_log.poll_seconds", 1);
    profile
}
