//! The services as real processes, to be killed.

use std::path::{Path, PathBuf};

use blindtally::system::{Layout, Planted, Profile, ServiceName};
use clock::Clock;
use service_kit::outbox::Schedule;
use uuid::Uuid;

use crate::process::{Process, Program};

/// A fleet publishes so often: a test that lasts a minute must see many publications.
const PUBLISH_EVERY: chrono::TimeDelta = chrono::TimeDelta::milliseconds(200);

/// Whoever is killed while it publishes holds up its successor for so long.
const LEASE_SECONDS: u64 = 2;

/// So many event ids there are in a fleet that loses events.
const EVENT_IDS: u8 = 16;

/// What is wrong with a fleet.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
pub enum Plant {
    /// There are few event ids, so that of the votes that share one only the first is counted.
    LostEvents,
    /// Nothing.
    #[default]
    Nothing,
}

impl Plant {
    fn as_str(self) -> &'static str {
        match self {
            Self::LostEvents => "lost-events",
            Self::Nothing => "nothing",
        }
    }
}

/// One process for each service, over one folder.
#[derive(Debug)]
pub struct Fleet {
    layout: Layout,
    processes: Vec<(ServiceName, Process)>,
}

impl Fleet {
    /// Starts the services in `dir`. `program` is this crate's `test-service`.
    pub async fn start(dir: &Path, program: &Path, plant: Plant) -> anyhow::Result<Self> {
        let layout = Layout::open(dir, profile())?;
        let mut processes = Vec::new();
        for service in ServiceName::ALL {
            let process = Process::start(Program {
                name: service.as_str(),
                path: program.to_owned(),
                arguments: vec![
                    service.as_str().into(),
                    layout.dir().into(),
                    plant.as_str().into(),
                ],
                admin: layout.listen(service).admin,
                log: log(&layout, service),
            });
            processes.push((service, process.await?));
        }
        let mut fleet = Self { layout, processes };
        fleet.layout.until_it_sells().await?;
        // A payments that starts publishes what waits: clients need the first head on the topic, and
        // a fleet cannot wait for the next regular turn.
        fleet.kill_and_restart(ServiceName::Payments).await?;
        Ok(fleet)
    }

    /// Where everything is.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Kills a service wherever it is, and starts it again.
    pub async fn kill_and_restart(&mut self, service: ServiceName) -> anyhow::Result<()> {
        for (name, process) in &mut self.processes {
            if *name == service {
                process.kill().await?;
                process.restart().await?;
            }
        }
        Ok(())
    }

    /// Stops all services in order, and says which did not end well.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        for (name, process) in self.processes.iter_mut().rev() {
            let status = process.stop("TERM").await?;
            anyhow::ensure!(status.success(), "{name} ended with {status}");
        }
        Ok(())
    }
}

/// Where a service's messages go.
fn log(layout: &Layout, service: ServiceName) -> PathBuf {
    layout.file(&format!("{service}.log"))
}

/// The settings of a fleet: the demo's, and leases that lapse soon after a kill.
fn profile() -> Profile {
    let mut profile = Profile::demo();
    profile
        .payments
        .set("publication.lease_seconds", LEASE_SECONDS);
    profile
        .tally
        .set("event_log.lease_seconds", LEASE_SECONDS)
        .set("event_log.poll_seconds", 1);
    profile
}

/// What a process of a fleet does: it is one service of the folder, with votes published often.
pub async fn serve(service: &str, dir: &Path, plant: Plant) -> anyhow::Result<()> {
    let name = ServiceName::ALL
        .into_iter()
        .find(|name| name.as_str() == service);
    let name = name.ok_or_else(|| anyhow::anyhow!("there is no service {service}"))?;
    service_kit::telemetry::init("warn")?;
    let mut planted = Planted::default();
    planted.payments.votes.schedule = |_slots| Schedule::Every(PUBLISH_EVERY);
    if plant == Plant::LostEvents {
        planted.payments.votes.event_id = |vote| {
            let [first, ..] = vote.0;
            Uuid::from_u128(u128::from(first % EVENT_IDS))
        };
    }
    let layout = Layout::open(dir, profile())?;
    let (service, _sandbox) = layout.build(name, Clock::system(), &planted).await?;
    service.run_until_signal().await
}
