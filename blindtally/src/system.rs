//! The whole system in one process: every service on loopback over TLS, in one folder.
//!
//! The services talk to each other as they do across machines. What is in the folder is all that
//! there is: a system that is started again on it goes on where it was.

mod access;
mod build;
mod collector;
mod engines;
mod layout;
mod ports;
mod profile;
mod service_name;
mod settings;

use std::{collections::BTreeMap, fmt, path::Path};

use anyhow::Context as _;
use clock::Clock;
use sandbox_custodian::Sandbox;
use service_kit::Running;

pub(crate) use collector::Aggregator;
pub use collector::{Collector, Part, Rules as CollectorRules};
pub use engines::{Database, Engines};
pub use layout::{Layout, settlement};
pub use ports::Listen;
pub use profile::Profile;
pub use service_name::ServiceName;
pub use settings::Settings;

/// Rules of the services that a test replaces, to plant a fault. The default: the real ones.
#[derive(Clone, Debug, Default)]
pub struct Planted {
    /// challenge-bypass's.
    pub challenge_bypass: challenge_bypass::Rules,
    /// payments'.
    pub payments: payments::Rules,
    /// tally's.
    pub tally: tally::Rules,
}

/// A running system.
pub struct System {
    layout: Layout,
    clock: Clock,
    planted: Planted,
    sandbox: Option<Sandbox>,
    running: BTreeMap<ServiceName, Running>,
}

impl System {
    /// Starts the system in the folder `dir`, which is made if it is not there.
    pub async fn start(dir: &Path, profile: Profile, clock: Clock) -> anyhow::Result<Self> {
        Self::start_planted(dir, profile, clock, Planted::default()).await
    }

    /// Starts the system with some of its rules replaced.
    pub async fn start_planted(
        dir: &Path,
        profile: Profile,
        clock: Clock,
        planted: Planted,
    ) -> anyhow::Result<Self> {
        let mut system = Self {
            layout: Layout::open(dir, profile)?,
            clock,
            planted,
            sandbox: None,
            running: BTreeMap::new(),
        };
        // A simulation that went on between two starts would let the first services live through
        // days without the others.
        let _busy = system.clock.busy();
        for service in ServiceName::ALL {
            system.start_service(service).await?;
        }
        Ok(system)
    }

    /// Where everything is.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The calendar.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The handle on the sandbox custodian.
    pub fn sandbox(&self) -> &Sandbox {
        self.sandbox
            .as_ref()
            .expect("a started system has its custodian")
    }

    /// Starts a service that does not run.
    pub async fn start_service(&mut self, name: ServiceName) -> anyhow::Result<()> {
        let built = self
            .layout
            .build(name, self.clock.clone(), &self.planted)
            .await;
        let (service, sandbox) = built.with_context(|| format!("{name} cannot be built"))?;
        self.sandbox = sandbox.or(self.sandbox.take());
        let running = service
            .start()
            .await
            .with_context(|| format!("{name} cannot be started"))?;
        self.running.insert(name, running);
        Ok(())
    }

    /// Stops a service, letting it finish its work.
    pub async fn stop_service(&mut self, name: ServiceName) -> anyhow::Result<()> {
        match self.running.remove(&name) {
            Some(running) => running
                .stop()
                .await
                .with_context(|| format!("{name} does not stop")),
            None => Ok(()),
        }
    }

    /// Stops everything, the callers first, so that nobody calls a service that is gone.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        for name in ServiceName::ALL.into_iter().rev() {
            self.stop_service(name).await?;
        }
        Ok(())
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System")
            .field("running", &self.running.keys())
            .finish_non_exhaustive()
    }
}
