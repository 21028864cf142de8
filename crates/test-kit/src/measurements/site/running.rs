//! How star-collector's parts are started: a run at any time, which may be hurt, and as operators do.

use std::{net::SocketAddr, process::Stdio, time::Duration};

use anyhow::{Context as _, ensure};
use blindtally::system::{Layout, Listen, Profile, ServiceName};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;
use tokio::process::{Child, Command};

use super::{Hurt, Lane, Site};
use crate::process::{Process, Program};

/// How soon a partition is looked at again that somebody else reads.
const AGAIN_AFTER: Duration = Duration::from_millis(300);

impl Site {
    /// Starts a run at a time, which may be hurt. It prints what it did as JSON.
    pub fn start_run(
        &self,
        lane: &Lane,
        calendar: DateTime<Utc>,
        hurt: Option<Hurt>,
    ) -> anyhow::Result<Child> {
        let (point, times, signal) = hurt.map_or(("none", 0, "KILL"), |hurt| {
            (hurt.point, hurt.times, hurt.signal)
        });
        Command::new(self.programs.join("hurt"))
            .args([point, &times.to_string(), signal, "aggregate"])
            .arg(calendar.to_rfc3339_opts(SecondsFormat::Secs, true))
            .arg("--config")
            .arg(&lane.aggregate)
            .arg("--json")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("the aggregator cannot be started")
    }

    /// Runs at a time, to a good end. What it did.
    pub async fn run(&self, lane: &Lane, calendar: DateTime<Utc>) -> anyhow::Result<Value> {
        let run = self.start_run(lane, calendar, None)?;
        let ended = run.wait_with_output().await?;
        let said = String::from_utf8_lossy(&ended.stderr);
        ensure!(ended.status.success(), "a run failed: {said}");
        Ok(serde_json::from_slice(&ended.stdout)?)
    }

    /// Runs at a time until one has gone through all partitions: what others read when they were killed is free only when
    /// their leases are over. How many messages that took.
    pub async fn finish(&self, lane: &Lane, calendar: DateTime<Utc>) -> anyhow::Result<u64> {
        let mut consumed = 0;
        loop {
            let did = self.run(lane, calendar).await?;
            let count = |what: &str| did.get(what).and_then(Value::as_u64).context("a count");
            consumed += count("consumed")?;
            if count("left_to_others")? == 0 {
                return Ok(consumed);
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }

    /// Runs another command of the aggregator than to work, as operators do. What it printed.
    pub async fn command(&self, lane: &Lane, words: &[&str]) -> anyhow::Result<String> {
        let mut program = Command::new(self.programs.join("star-collector"));
        program.arg("aggregate").args(words);
        let ended = program.arg("--config").arg(&lane.aggregate).output();
        let ended = ended.await?;
        let said = String::from_utf8_lossy(&ended.stderr);
        ensure!(ended.status.success(), "{words:?} failed: {said}");
        Ok(String::from_utf8(ended.stdout)?)
    }

    /// Starts the aggregator as operators do, which runs again each second, on the machine's own calendar.
    pub async fn aggregator(&self, lane: &Lane, copy: usize) -> anyhow::Result<Process> {
        let mut process = self.start_aggregator(lane, copy)?;
        process.wait_until_ready().await?;
        Ok(process)
    }

    /// The same, without waiting until it is ready.
    pub fn start_aggregator(&self, lane: &Lane, copy: usize) -> anyhow::Result<Process> {
        let listen = self.listen(&format!("{}-{copy}", lane.channel.name))?;
        let program = Program {
            name: "star-collector aggregate",
            path: self.programs.join("star-collector"),
            arguments: vec![
                "aggregate".into(),
                "--config".into(),
                lane.aggregate.clone().into(),
                "--every".into(),
                "1s".into(),
                "--admin-listen".into(),
                listen.admin.to_string().into(),
            ],
            environment: Vec::new(),
            admin: listen.admin,
            log: self
                .dir
                .join(format!("aggregate-{}-{copy}.log", lane.channel.name)),
        };
        Process::spawn(program)
    }

    /// Starts collect for a channel, and says where clients reach it.
    pub async fn collector(
        &self,
        lane: &Lane,
        copy: usize,
    ) -> anyhow::Result<(Process, SocketAddr)> {
        let listen = self.listen(&format!("collect-{copy}"))?;
        let program = Program {
            name: "star-collector collect",
            path: self.programs.join("star-collector"),
            arguments: vec![
                "collect".into(),
                "--config".into(),
                lane.collect.clone().into(),
                "--http-listen".into(),
                listen.api.to_string().into(),
                "--http-admin-listen".into(),
                listen.admin.to_string().into(),
            ],
            environment: Vec::new(),
            admin: listen.admin,
            log: self.dir.join(format!("collect-{copy}.log")),
        };
        Ok((Process::start(program).await?, listen.api))
    }

    /// Ports that a system of its own would have.
    fn listen(&self, name: &str) -> anyhow::Result<Listen> {
        let layout = Layout::open(&self.dir.join(name), Profile::default())?;
        Ok(layout.listen(ServiceName::Tally))
    }
}
