//! A service as a real process: started, asked whether it is ready, killed, started again.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use tokio::process::{Child, Command};

use crate::http;

/// A start opens databases and makes keys; on a machine that is busy with tests, that takes a while.
const READY_WITHIN: Duration = Duration::from_mins(1);

/// How often a service that is not ready is asked again.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// A supervisor starts a process that ended so often again, after so long each time.
const RESTARTS_MAX: u32 = 20;

/// See [`RESTARTS_MAX`].
const RESTART_PAUSE: Duration = Duration::from_millis(500);

/// A stop lets running requests finish, for 30 s at most.
const STOPPED_WITHIN: Duration = Duration::from_secs(40);

/// Whoever holds itself where something is published waits for a slot of publication: these are a minute apart.
const HELD_WITHIN: Duration = Duration::from_secs(100);

/// What to run.
#[derive(Clone, Debug)]
pub struct Program {
    /// What it is called in errors.
    pub name: &'static str,
    /// The program's file.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Variables that it gets beside ours.
    pub environment: Vec<(OsString, OsString)>,
    /// Where its admin interface listens.
    pub admin: SocketAddr,
    /// What it prints goes there.
    pub log: PathBuf,
}

/// A running process. It is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    program: Program,
    child: Child,
}

impl Process {
    /// Starts the program, and waits until it is ready.
    pub async fn start(program: Program) -> anyhow::Result<Self> {
        let mut process = Self::spawn(program)?;
        process.wait_until_ready().await?;
        Ok(process)
    }

    /// Starts the program and does not wait.
    pub fn spawn(program: Program) -> anyhow::Result<Self> {
        let child = Command::new(&program.path)
            .args(&program.arguments)
            .envs(program.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log(&program.log)?)
            .stderr(log(&program.log)?)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} cannot be started", program.name))?;
        Ok(Self { program, child })
    }

    /// Waits until `/readyz` answers 200.
    pub async fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "{} ended: {status}; see {}",
                    self.program.name,
                    self.program.log.display()
                );
            }
            if http::is_ready(self.program.admin).await {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!(
                    "{} is not ready; see {}",
                    self.program.name,
                    self.program.log.display()
                );
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    /// Waits until it is ready. A process that ended, since it starts on nothing that it cannot reach, is started
    /// again, as by a supervisor.
    pub async fn recover(&mut self) -> anyhow::Result<()> {
        for _restart in 0..RESTARTS_MAX {
            let ready = self.wait_until_ready().await;
            if ready.is_ok() || self.child.try_wait()?.is_none() {
                return ready;
            }
            tokio::time::sleep(RESTART_PAUSE).await;
            self.respawn()?;
        }
        bail!("{} does not start", self.program.name)
    }

    /// SIGKILL: the process ends wherever it is.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.child
            .kill()
            .await
            .context("the process cannot be killed")
    }

    /// Starts the same program again, after it ended, and does not wait.
    pub fn respawn(&mut self) -> anyhow::Result<()> {
        *self = Self::spawn(self.program.clone())?;
        Ok(())
    }

    /// Starts the same program again, after it ended, and waits until it is ready.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        *self = Self::start(self.program.clone()).await?;
        Ok(())
    }

    /// Kills the process wherever it is, and starts it again. With `again` it is killed once more, so long after
    /// its start: in the middle of putting right what the first kill left.
    pub async fn kill_and_restart(&mut self, again: Option<Duration>) -> anyhow::Result<()> {
        self.kill().await?;
        if let Some(after) = again {
            self.respawn()?;
            tokio::time::sleep(after).await;
            self.kill().await?;
        }
        self.restart().await
    }

    /// What it runs.
    pub(crate) fn program(&self) -> &Program {
        &self.program
    }

    /// Where its admin interface listens.
    pub fn admin(&self) -> SocketAddr {
        self.program.admin
    }

    /// What it has written so far, for whoever wants to know why something failed.
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.program.log).unwrap_or_default()
    }

    /// How much memory the process has, in bytes.
    pub async fn resident_bytes(&self) -> anyhow::Result<u64> {
        let id = self.child.id().context("the process has ended")?;
        let asked = Command::new("ps")
            .args(["-o", "rss=", "-p", &id.to_string()])
            .output()
            .await?;
        let kibibytes: u64 = String::from_utf8(asked.stdout)?.trim().parse()?;
        Ok(kibibytes * 1_024)
    }

    /// Sends `signal`: `STOP` holds the process where it is, `CONT` lets it go on.
    pub fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let id = self.child.id().context("the process has ended")?;
        send(id, signal)
    }

    /// Waits until the process is held, by its own signal to itself.
    pub async fn until_held(&mut self) -> anyhow::Result<()> {
        until_held(&mut self.child).await
    }

    /// Sends `signal` (`INT` or `TERM`), and waits for the end.
    pub async fn stop(&mut self, signal: &str) -> anyhow::Result<ExitStatus> {
        self.signal(signal)?;
        let ended = tokio::time::timeout(STOPPED_WITHIN, self.child.wait()).await;
        Ok(ended.context("the process does not stop")??)
    }
}

/// Sends `signal` to a process.
pub fn send(process: u32, signal: &str) -> anyhow::Result<()> {
    let sent = std::process::Command::new("kill")
        .args(["-s", signal, &process.to_string()])
        .status()?;
    anyhow::ensure!(sent.success(), "the signal {signal} cannot be sent");
    Ok(())
}

/// Waits until a process is held (SIGSTOP).
pub async fn until_held(child: &mut Child) -> anyhow::Result<()> {
    let deadline = Instant::now() + HELD_WITHIN;
    loop {
        let id = child.id().context("the process has ended")?;
        let ended = child.try_wait()?;
        anyhow::ensure!(ended.is_none(), "the process ended and was never held");
        let state = fs::read_to_string(format!("/proc/{id}/stat"))?;
        let (_, behind_the_name) = state.rsplit_once(") ").context("a process has a name")?;
        if behind_the_name.starts_with('T') {
            return Ok(());
        }
        anyhow::ensure!(Instant::now() < deadline, "the process was never held");
        tokio::time::sleep(ASK_EVERY).await;
    }
}

fn log(path: &Path) -> anyhow::Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .context("no log file")
}
