//! A service: what it answers, what it does by itself, and how it starts and stops.

mod accept;
mod admin;
mod connection;
mod connections;
mod middleware;
mod readiness;
mod running;
mod settings;
mod start;

use std::sync::Arc;

use axum::Router;
use clock::Clock;
use utoipa::openapi::OpenApi;

use crate::{jobs::Job, shutdown::Shutdown};

pub use readiness::Readiness;
pub use running::Running;
pub use settings::HttpSettings;
pub use start::StartError;

/// A service that is built and not yet started. Services make one in their `build`.
#[derive(Clone)]
pub struct Service {
    /// Its name in the log and the metrics.
    pub name: &'static str,
    /// The routes, with their state. Common behaviour (limits, time-outs, problems) is added.
    pub api: Router,
    /// What `GET /openapi.json` answers.
    pub openapi: OpenApi,
    /// The section `[http]` of its settings.
    pub http: HttpSettings,
    /// Its calendar.
    pub clock: Clock,
    /// What it does by itself.
    pub jobs: Vec<Arc<dyn Job>>,
    /// What must work before it says that it is ready.
    pub readiness: Readiness,
    /// The order to stop. The handlers' long tasks are spawned on it.
    pub shutdown: Shutdown,
}

impl Service {
    /// A service with routes, and with nothing to do by itself yet.
    pub fn new(name: &'static str, api: Router, http: HttpSettings, clock: Clock) -> Self {
        let info = utoipa::openapi::Info::new(name, env!("CARGO_PKG_VERSION"));
        Self {
            name,
            api,
            openapi: OpenApi::new(info, utoipa::openapi::Paths::new()),
            http,
            clock,
            jobs: Vec::new(),
            readiness: Readiness::default(),
            shutdown: Shutdown::default(),
        }
    }

    /// Describes the routes.
    #[must_use]
    pub fn openapi(mut self, openapi: OpenApi) -> Self {
        self.openapi = openapi;
        self
    }

    /// Adds a job.
    #[must_use]
    pub fn job(mut self, job: impl Job) -> Self {
        self.jobs.push(Arc::new(job));
        self
    }

    /// Says what must work before the service is ready.
    #[must_use]
    pub fn readiness(mut self, readiness: Readiness) -> Self {
        self.readiness = readiness;
        self
    }

    /// Uses an order to stop that the handlers know already.
    #[must_use]
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.shutdown = shutdown;
        self
    }

    /// Listens, serves and works.
    pub async fn start(self) -> Result<Running, StartError> {
        start::start(self).await
    }

    /// Starts, and runs until ctrl-c or SIGTERM. For `main`.
    pub async fn run_until_signal(self) -> anyhow::Result<()> {
        self.start().await?.run_until_signal().await
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
