//! The services as real processes, to be killed.

use std::{
    ffi::OsString,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

use anyhow::Context as _;
use blindtally::system::{Engines, Layout, Listen, Profile, ServiceName, Settings};
use chrono::{TimeDelta, Timelike as _};
use clock::Clock;
use tokio::time::sleep;

use crate::{
    engines,
    process::{Process, Program},
    programs,
    proxy::Proxy,
};

/// Whoever is killed while it publishes holds up its successor for so long.
pub const LEASE_SECONDS: u64 = 2;

/// So many minutes of a day can be slots of publication.
const SLOTS: i64 = 96;

/// How a fleet is made.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The services' settings.
    pub profile: Profile,
    /// How many processes each service has. The sandbox custodian has one.
    pub copies: usize,
    /// Whether it runs on files, whatever engines there are.
    pub on_files: bool,
    /// Variables that our services get.
    pub environment: Vec<(OsString, OsString)>,
    /// Where settings name the first address, the services are told the second.
    pub detours: Vec<(SocketAddr, SocketAddr)>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            profile: profile(),
            copies: 1,
            on_files: false,
            environment: Vec::new(),
            detours: Vec::new(),
        }
    }
}

/// Processes of each service over one folder, or over one set of engines.
#[derive(Debug)]
pub struct Fleet {
    layout: Layout,
    engines: Option<Engines>,
    programs: PathBuf,
    members: Vec<Member>,
    /// Where a service has several processes, this shares its address among them.
    balancers: Vec<Proxy>,
}

#[derive(Debug)]
struct Member {
    service: ServiceName,
    process: Process,
    settings: PathBuf,
}

impl Fleet {
    /// Starts the services' programs in `dir`, on the engines that `BLINDTALLY_ENGINES` names, if it names any.
    pub async fn start(dir: &Path, setup: Setup) -> anyhow::Result<Self> {
        let engines = if setup.on_files {
            None
        } else {
            engines::of_a_new_world().await?
        };
        let profile = match &engines {
            Some(engines) => engines.serve(setup.profile.clone())?,
            None => setup.profile.clone(),
        };
        let mut fleet = Self {
            layout: Layout::open(dir, profile)?,
            engines,
            programs: programs::build().await?,
            members: Vec::new(),
            balancers: Vec::new(),
        };
        for service in ServiceName::ALL {
            fleet.start_service(service, &setup).await?;
        }
        fleet.layout.until_it_sells().await?;
        // A payments that starts publishes what waits: clients need the first head on the topic, and
        // a fleet cannot wait for the next regular turn.
        let payments = fleet.process(ServiceName::Payments, 0)?;
        payments.kill_and_restart(None).await?;
        Ok(fleet)
    }

    async fn start_service(&mut self, service: ServiceName, setup: &Setup) -> anyhow::Result<()> {
        let own = self.layout.listen(service);
        if setup.copies == 1 || service == ServiceName::SandboxCustodian {
            return self.start_member(service, 0, own, setup).await;
        }
        let mut addresses = Vec::new();
        for copy in 0..setup.copies {
            // It has the ports that a system of its own would have.
            let other = Layout::open(
                &self.layout.file(&format!("copy-{copy}")),
                Profile::default(),
            )?;
            let listen = other.listen(service);
            addresses.push(listen.api);
            self.start_member(service, copy, listen, setup).await?;
        }
        let balancer = Proxy::at(own.api, addresses).await?;
        self.balancers.push(balancer);
        Ok(())
    }

    async fn start_member(
        &mut self,
        service: ServiceName,
        copy: usize,
        listen: Listen,
        setup: &Setup,
    ) -> anyhow::Result<()> {
        let mut settings = told(&self.layout.settings(service), &setup.detours);
        settings
            .set("http.listen", listen.api)
            .set("http.admin_listen", listen.admin);
        let file = self.layout.file(&format!("{service}-{copy}.toml"));
        programs::write_settings(&file, service.defaults(), &settings)?;
        let process = Process::start(Program {
            name: service.as_str(),
            path: programs::program(&self.programs, service),
            arguments: vec!["--config".into(), file.clone().into()],
            environment: environment(service, setup),
            admin: listen.admin,
            log: self.layout.file(&format!("{service}-{copy}.log")),
        });
        self.members.push(Member {
            service,
            process: process.await?,
            settings: file,
        });
        Ok(())
    }

    /// Where everything is.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The real engines that it runs on, if it does.
    pub fn engines(&self) -> Option<&Engines> {
        self.engines.as_ref()
    }

    /// One of the processes of a service, counted from 0.
    pub fn process(&mut self, service: ServiceName, copy: usize) -> anyhow::Result<&mut Process> {
        let mut found = self.members.iter_mut().filter(|one| one.service == service);
        let member = found.nth(copy).context("there is no such process")?;
        Ok(&mut member.process)
    }

    /// Kills all processes of payments or tally, and puts one in the place of the first that will hold itself (SIGSTOP) when
    /// it first comes to a fault point: alone, so that the work is its own. They are started again with
    /// [`Process::respawn`], the first once this one has ended.
    pub async fn hold(&mut self, service: ServiceName, point: &str) -> anyhow::Result<Process> {
        let hurt = self.programs.join("hurt");
        let mut members = Vec::new();
        for member in self.members.iter_mut().filter(|one| one.service == service) {
            member.process.kill().await?;
            members.push(member);
        }
        let first = members.first().context("there is no such service")?;
        // What they held is free again: whoever starts begins with what waits.
        sleep(Duration::from_secs(LEASE_SECONDS + 1)).await;
        let words = [point, "1", "STOP", service.as_str()];
        let mut arguments: Vec<_> = words.map(OsString::from).into();
        arguments.push(first.settings.clone().into());
        Process::spawn(Program {
            path: hurt,
            arguments,
            ..first.process.program().clone()
        })
    }

    /// How many processes a service has.
    pub fn copies(&self, service: ServiceName) -> usize {
        let members = self.members.iter();
        members.filter(|one| one.service == service).count()
    }

    /// Runs another command of a service's program, with the service's settings.
    pub async fn run(&self, service: ServiceName, command: &[&str]) -> anyhow::Result<Output> {
        let mut found = self.members.iter().filter(|one| one.service == service);
        let member = found.next().context("there is no such service")?;
        let mut program = tokio::process::Command::new(programs::program(&self.programs, service));
        program.arg("--config").arg(&member.settings).args(command);
        Ok(program.output().await?)
    }

    /// Stops all services in order, and says which did not end well.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        for member in self.members.iter_mut().rev() {
            let status = member.process.stop("TERM").await?;
            anyhow::ensure!(status.success(), "{} ended with {status}", member.service);
        }
        for balancer in self.balancers.drain(..) {
            balancer.stop().await;
        }
        Ok(())
    }
}

/// The custodian is somebody else, with a machine of its own: it gets none of our services' variables.
fn environment(service: ServiceName, setup: &Setup) -> Vec<(OsString, OsString)> {
    match service {
        ServiceName::SandboxCustodian => Vec::new(),
        ServiceName::ChallengeBypass | ServiceName::Payments | ServiceName::Tally => {
            setup.environment.clone()
        }
    }
}

/// `settings` with detours.
fn told(settings: &Settings, detours: &[(SocketAddr, SocketAddr)]) -> Settings {
    let mut told = Settings::default();
    for (name, value) in settings.entries() {
        let detour = |value: String, (from, to): &(SocketAddr, SocketAddr)| {
            value.replace(&from.to_string(), &to.to_string())
        };
        told.set(name, detours.iter().fold(value.to_owned(), detour));
    }
    told
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
