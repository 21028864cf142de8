//! The randomness service: evaluates the PPOPRF for clients, each epoch with what is left of a key.
//!
//! A client hides a value behind a blinding factor and has it evaluated here; unblinded, the result is the randomness that
//! its message is made with. All clients with one value in one epoch get the same randomness, and nobody else can guess
//! it: whoever wants to try values against messages must ask this service, in the epoch of the messages. When the epoch
//! is over, its part of the key is lost (punctured), and nobody can try any more, we included. So the answers are those
//! of Brave's `star-randsrv`, whose clients work unchanged; what is kept, and how replicas agree, is ours.
//!
//! # Where to look
//!
//! | Question | Module |
//! |---|---|
//! | Which epoch is it, and how long does it last? | [`domain`] |
//! | Which points are evaluated? | [`domain`] |
//! | How is a key punctured, renewed and shared by replicas? | [`instances`] |
//! | What is kept, and how is it sealed? | [`store`], [`domain`], [`rewrap`] |
//! | What does it do by itself? | [`jobs`] |
//! | What is sent and answered? | [`messages::star`], [`error`] |
//! | What may a test replace? | [`rules`] |
//! | Is all there that it needs? | [`doctor`] |
//!
//! # What this module must never do
//!
//! Evaluate in an epoch that is over, or keep a state of a key with which somebody could (threat T14): k-anonymity rests
//! on it. Neither may a point be kept or logged: it would link a client's requests.
//!
//! A backup of the database and a copy of the key file together are such a state. Restored, the service punctures what
//! is over before it evaluates anything; but whoever stole both can do as they like with the epochs that were open then.
//! Keep the key file out of backups.

pub mod config;
pub mod doctor;
pub mod domain;
pub mod error;
pub mod instances;
pub mod jobs;
mod program;
pub mod rewrap;
mod routes;
pub mod rules;
mod state;
pub mod store;

use std::sync::Arc;

use anyhow::Context as _;
use clock::Clock;
use secrecy::ExposeSecret as _;
use service_kit::{Service, crypto::Pool, service::Readiness};
use utoipa::OpenApi as _;

pub use config::Config;
pub use error::Error;
pub use program::program;
pub use state::{AppState, Shared};

use instances::Instances;
use jobs::PunctureJob;
use rules::Rules;

/// Opens the database and the keys, punctures what is over, and builds the service.
///
/// An instance whose key does not open, or is of another schedule, is an error: a service that could not evaluate is
/// better not started.
pub async fn build(config: Config, clock: Clock) -> anyhow::Result<Service> {
    build_with(config, clock, Rules::default()).await
}

/// The same with other rules.
pub async fn build_with(config: Config, clock: Clock, rules: Rules) -> anyhow::Result<Service> {
    let schedules = config.schedules()?;
    let sealer = rewrap::sealer(&config.keys)?;
    let store = store::open(config.database.url.expose_secret()).await?;
    let instances = Instances::new(schedules, &store, &sealer, &clock);
    let instances = Arc::new(instances);
    for instance in instances.iter() {
        let opened = instance.current().await;
        opened.with_context(|| format!("the key of the instance {}", instance.name()))?;
    }
    let state = AppState::from(Shared {
        instances: Arc::clone(&instances),
        pool: Pool::for_this_machine(config.crypto)?,
        limits: config.limits,
        rules,
    });
    let checked = Arc::clone(&store);
    let keys = Arc::clone(&instances);
    let readiness = Readiness::default()
        .check("database", move || {
            let store = Arc::clone(&checked);
            async move { store.check().await }
        })
        .check("keys", move || {
            let instances = Arc::clone(&keys);
            async move { instances.check().await }
        });
    let job = PunctureJob {
        instances,
        store: Arc::clone(&store),
        clock: clock.clone(),
    };
    let service = Service::new(config::SERVICE, routes::router(state), config.http, clock)
        .openapi(routes::ApiDoc::openapi())
        .job(job)
        .readiness(readiness)
        .at_end(move || {
            let store = Arc::clone(&store);
            async move { store.close().await }
        });
    Ok(service)
}
