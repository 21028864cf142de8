//! From a built service to a running one.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use tokio::net::TcpListener;

use super::{
    HttpSettings, Readiness, Running, Service,
    accept::accept,
    admin::{self, Admin},
    connection::Server,
    connections::Connections,
    middleware,
};
use crate::{
    jobs,
    limits::{FORGET_INTERVAL, Limits, RouteLimit},
    shutdown::Shutdown,
    telemetry,
    tls::{TlsError, server_config},
};

/// Connections to the admin listener: a probe, a scraper, and some room.
const ADMIN_CONNECTIONS_MAX: usize = 64;

pub(super) async fn start(service: Service) -> Result<Running, StartError> {
    telemetry::start_metrics();
    let settings = Arc::new(service.http);
    if !settings.tls.is_on() && !settings.listen.ip().is_loopback() {
        return Err(StartError::NoTls(settings.listen));
    }
    let tls = settings.tls.is_on().then(|| server_config(&settings.tls));
    let openapi = service.openapi.to_json().map_err(|_| StartError::OpenApi)?;
    let (listener, api_addr) = listen(settings.listen).await?;
    let (admin_listener, admin_addr) = listen(settings.admin_listen).await?;

    let limits = Limits::new(settings.rate_limit);
    let clock = service.clock.clone();
    let answers = middleware::guard(
        service.api,
        openapi.into(),
        service.name,
        &settings,
        clock,
        &limits,
    );
    // The listeners stop in two stages: readiness fails at once, the admin listener ends last.
    let (api_stop, admin_stop) = (Shutdown::default(), Shutdown::default());
    let api = Server {
        answers,
        tls: tls.transpose()?,
        settings: Arc::clone(&settings),
        shutdown: api_stop.clone(),
    };
    let admin = Server {
        answers: admin_router(service.readiness, service.shutdown.clone()),
        tls: None,
        settings: Arc::clone(&settings),
        shutdown: admin_stop.clone(),
    };

    let connections = Connections::new(
        settings.connections_max,
        settings.connections_per_client_max,
    );
    let admin_connections = Connections::new(ADMIN_CONNECTIONS_MAX, ADMIN_CONNECTIONS_MAX);
    let accepting = accept(listener, connections, api);
    let _waited_for_by_stop = api_stop.spawn(accepting);
    let accepting = accept(admin_listener, admin_connections, admin);
    let _waited_for_by_stop = admin_stop.spawn(accepting);
    let forgetting = forget(limits, service.route_limits, api_stop.clone());
    let _waited_for_by_stop = api_stop.spawn(forgetting);
    for job in service.jobs {
        jobs::start(job, &service.clock, &service.shutdown);
    }
    tracing::info!(service = service.name, %api_addr, %admin_addr, "the service runs");
    Ok(Running {
        name: service.name,
        api_addr,
        admin_addr,
        work: service.shutdown,
        api: api_stop,
        admin: admin_stop,
        grace: settings.shutdown_grace(),
        at_end: service.at_end,
    })
}

/// Serves `/livez`, `/readyz` and `/metrics` until `shutdown`, and nothing else: for a program that answers no clients.
pub async fn admin_alone(
    address: SocketAddr,
    readiness: Readiness,
    shutdown: &Shutdown,
) -> Result<SocketAddr, StartError> {
    telemetry::start_metrics();
    let (listener, bound) = listen(address).await?;
    let server = Server {
        answers: admin_router(readiness, shutdown.clone()),
        tls: None,
        settings: Arc::new(HttpSettings::loopback()),
        shutdown: shutdown.clone(),
    };
    let connections = Connections::new(ADMIN_CONNECTIONS_MAX, ADMIN_CONNECTIONS_MAX);
    let accepting = accept(listener, connections, server);
    let _waited_for_by_stop = shutdown.spawn(accepting);
    Ok(bound)
}

fn admin_router(readiness: Readiness, shutdown: Shutdown) -> Router {
    admin::router(Admin {
        readiness,
        shutdown,
        page: Arc::default(),
    })
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |error: io::Error| StartError::Listen(address, error);
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Forgets quotas that are full again, on a timer.
async fn forget(limits: Limits, routes: Vec<RouteLimit>, stop: Shutdown) {
    let mut timer = tokio::time::interval(FORGET_INTERVAL);
    loop {
        tokio::select! {
            () = stop.begun() => return,
            _ = timer.tick() => {
                limits.forget();
                routes.iter().for_each(RouteLimit::forget);
            }
        }
    }
}

/// How long readiness fails before the listener closes, so that balancers have looked.
pub(super) const DRAIN: Duration = Duration::from_millis(200);

/// Why a service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, io::Error),
    /// An API without TLS would be open to others.
    #[error("{0} is not loopback, and http.tls.certificate_file is not set")]
    NoTls(SocketAddr),
    /// The description of the routes cannot be written.
    #[error("the description of the routes cannot be written as JSON")]
    OpenApi,
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
}
