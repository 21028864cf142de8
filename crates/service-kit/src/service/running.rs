//! A service that runs.

use std::{net::SocketAddr, time::Duration};

use super::{AtEnd, start::DRAIN};
use crate::shutdown::{self, Shutdown};

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
    /// of jobs finish, and the databases are closed.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.work.begin();
        tokio::time::sleep(DRAIN.min(self.grace)).await;
        let requests_finished = self.api.finish(self.grace).await;
        // After the requests: they may have started tasks until then.
        let tasks_finished = self.work.finish(self.grace).await;
        let _probes_may_be_cut = self.admin.finish(Duration::from_secs(1)).await;
        for close in &self.at_end.0 {
            // What still holds a connection was reported as unfinished.
            let _closed_in_time = tokio::time::timeout(self.grace, close()).await;
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
