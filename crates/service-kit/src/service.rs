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

use std::{fmt, future::Future, sync::Arc};

use axum::Router;
use clock::Clock;
use futures_util::future::BoxFuture;
use utoipa::openapi::OpenApi;

use crate::{jobs::Job, limits::RouteLimit, shutdown::Shutdown};

pub use readiness::Readiness;
pub use running::Running;
pub use settings::HttpSettings;
pub use start::{StartError, admin_alone};

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
    /// The limits that routes have of their own.
    pub route_limits: Vec<RouteLimit>,
    /// The order to stop. The handlers' long tasks are spawned on it.
    pub shutdown: Shutdown,
    at_end: AtEnd,
}

/// What is closed when everything else has stopped.
#[derive(Clone, Default)]
struct AtEnd(Vec<Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>>);

impl fmt::Debug for AtEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AtEnd").field(&self.0.len()).finish()
    }
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
            route_limits: Vec::new(),
            shutdown: Shutdown::default(),
            at_end: AtEnd::default(),
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

    /// Has a route's own limit forget the clients whose quota is full.
    #[must_use]
    pub fn route_limit(mut self, limit: RouteLimit) -> Self {
        self.route_limits.push(limit);
        self
    }

    /// Uses an order to stop that the handlers know already.
    #[must_use]
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.shutdown = shutdown;
        self
    }

    /// Says what to close when nothing runs any more: the databases, whose files then belong to
    /// whoever wants to copy or replace them.
    #[must_use]
    pub fn at_end<F>(mut self, close: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.at_end.0.push(Arc::new(move || Box::pin(close())));
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

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
