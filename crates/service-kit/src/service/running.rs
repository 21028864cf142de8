//! A service that runs.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::{AtEnd, start::DRAIN};
use crate::shutdown::{self, Shutdown};

/// What probes, and then each database, get to end when no time of grace is left.
const LAST: Duration = Duration::from_secs(1);

/// A service that runs, and how to stop it.
#[derive(Debug)]
pub struct Running {
    /// The service's name.
    pub name: &'static str,
    /// Where its API listens.
    pub api_addr: SocketAddr,
    /// Where its admin interface listens.
    pub admin_addr: SocketAddr,
    pub(super) work: Shutdown,
    pub(super) api: Shutdown,
    pub(super) admin: Shutdown,
    pub(super) grace: Duration,
    pub(super) at_end: AtEnd,
}

impl Running {
    /// Runs until ctrl-c or SIGTERM, then stops.
    pub async fn run_until_signal(self) -> anyhow::Result<()> {
        shutdown::signal().await?;
        tracing::info!(service = self.name, "told to stop");
        self.stop().await
    }

    /// Stops: readiness fails, no connection is accepted any more, running requests, tasks and turns
    /// of jobs finish, and the databases are closed. All of it together has the time of grace: whoever
    /// runs the service ends it by force a little later.
    pub async fn stop(self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let left = || self.grace.saturating_sub(begun.elapsed());
        self.work.begin();
        tokio::time::sleep(DRAIN.min(self.grace)).await;
        let requests_finished = self.api.finish(left()).await;
        // After the requests: they may have started tasks until then.
        let tasks_finished = self.work.finish(left()).await;
        let _probes_may_be_cut = self.admin.finish(LAST.min(self.grace)).await;
        for close in &self.at_end.0 {
            // What still holds a connection was reported as unfinished.
            let _closed_in_time = tokio::time::timeout(left().max(LAST), close()).await;
        }
        anyhow::ensure!(
            requests_finished && tasks_finished,
            "{} did not finish its work within {} s",
            self.name,
            self.grace.as_secs(),
        );
        Ok(())
    }
}
