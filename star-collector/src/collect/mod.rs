//! Collecting: takes messages from clients, and keeps each in the topic of its channel before it says so.
//!
//! | Question | Module |
//! |---|---|
//! | Which messages are taken? | `message`, and [`crate::domain::wire`] |
//! | When is one durable? | `intake` |
//! | Which channels are there? | [`channels`] |
//! | What is a client told? | [`error`], `routes` |
//! | What can be set? | [`config`] |
//! | Is all there that it needs? | [`doctor`] |
//!
//! It opens nothing and knows nobody: no address, no version and no time finer than a minute is kept or logged.

pub mod channels;
pub mod config;
pub mod doctor;
pub mod error;
mod intake;
mod message;
mod program;
mod routes;
pub mod version;

use std::sync::Arc;

use service_kit::{Service, jobs::LogRetentionJob, service::Readiness, shutdown::Shutdown};
use utoipa::OpenApi as _;

pub use config::Config;
pub use program::program;

use crate::Deps;
use intake::{Intake, IntakeParts};
use routes::AppState;

/// Opens the log, makes the topics where nobody else does, and builds the service.
pub async fn build(config: Config, deps: Deps) -> anyhow::Result<Service> {
    let channels = Arc::new(config.channels()?);
    let limits = config.limits.group()?;
    let log = config.open_log().await?;
    channels
        .ensure_topics(&*log, config.topic_settings())
        .await?;
    let shutdown = Shutdown::default();
    let intake = Intake::new(IntakeParts {
        log: Arc::clone(&log),
        clock: deps.clock.clone(),
        shutdown: shutdown.clone(),
        faults: deps.faults,
        limits,
    });
    let readiness = Readiness::default().event_log(&log, channels.uses());
    let retention = LogRetentionJob {
        log: Arc::clone(&log),
        clock: deps.clock.clone(),
    };
    let router = routes::router(AppState { channels, intake });
    Ok(
        Service::new(config::SERVICE, router, config.http, deps.clock)
            .openapi(routes::ApiDoc::openapi())
            .readiness(readiness)
            .job(retention)
            .shutdown(shutdown)
            .at_end(move || {
                let log = Arc::clone(&log);
                async move { log.close().await }
            }),
    )
}
