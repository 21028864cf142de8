//! What a benchmark runs on: a folder with settings and certificates, and files or real engines.

use std::{path::Path, process::Stdio, time::Duration};

use anyhow::Context as _;
use blindtally::system::{Layout, Profile, ServiceName};
use clap::ValueEnum;
use serde::Serialize;
use service_kit::config::Sources;
use test_kit::{engines, programs};
use tokio::process::Command;

use crate::cpu;

/// What services keep their data in.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum EngineSet {
    /// `SQLite` and the event log in a file.
    #[default]
    Embedded,
    /// The `PostgreSQL` and Kafka that `deploy/engines/up DIR` started, with `BLINDTALLY_ENGINES=DIR`.
    Real,
}

impl EngineSet {
    /// As it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Real => "real",
        }
    }
}

/// A system's folder and its place in the engines, both new.
#[derive(Debug)]
pub struct Stage {
    layout: Layout,
    engines: EngineSet,
    // Removed when everything else is gone: fields are dropped in this order.
    _folder: tempfile::TempDir,
}

impl Stage {
    /// A stage on which nothing runs yet.
    pub async fn open(engines: EngineSet) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let profile = match engines {
            EngineSet::Embedded => Profile::up(),
            EngineSet::Real => {
                let named = engines::of_a_new_world().await?;
                let named = named.context(
                    "real engines need `--features engines`, and BLINDTALLY_ENGINES with the folder of \
                     `deploy/engines/up`",
                )?;
                named.serve(Profile::up())?
            }
        };
        Ok(Self {
            layout: Layout::open(folder.path(), profile)?,
            engines,
            _folder: folder,
        })
    }

    /// Where everything is.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What the data is kept in.
    pub fn engines(&self) -> EngineSet {
        self.engines
    }

    /// This program, called with `arguments` and then a file with the settings of `service`.
    pub fn command(&self, arguments: &[&str], service: ServiceName) -> anyhow::Result<Command> {
        let file = self.layout.file(&format!("{service}.toml"));
        programs::write_settings(&file, service.defaults(), &self.layout.settings(service))?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(arguments)
            .arg(file)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        Ok(command)
    }

    /// The CPU time that the engines' processes have used, where there are any.
    pub fn engines_cpu(&self) -> anyhow::Result<Option<Duration>> {
        match self.engines {
            EngineSet::Embedded => Ok(None),
            EngineSet::Real => {
                let folder = std::env::var_os("BLINDTALLY_ENGINES");
                let folder = folder.context("BLINDTALLY_ENGINES is not set")?;
                let mut roots = vec![first_line(&Path::new(&folder).join("kafka/pid"))?];
                for entry in std::fs::read_dir(folder)? {
                    let file = entry?.path().join("data/postmaster.pid");
                    if file.exists() {
                        roots.push(first_line(&file)?);
                    }
                }
                cpu::of_trees(&roots).map(Some)
            }
        }
    }
}

/// The settings in the file that [`Stage::command`] wrote.
pub fn settings(service: ServiceName, file: &Path) -> Sources {
    Sources::defaults(service.as_str(), service.defaults()).file(Some(file.to_owned()))
}

/// The number of a process.
fn first_line(file: &Path) -> anyhow::Result<u32> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("{} cannot be read: do the engines run?", file.display()))?;
    let line = text.lines().next().unwrap_or_default();
    line.trim()
        .parse()
        .with_context(|| format!("{} names no process", file.display()))
}
