//! Sells anonymous vote tokens and takes the votes that spend them.
//!
//! Two sides share this process and nothing else: orders, which know who paid what, and votes, which
//! know what was voted for. Each has its own database, its own outbox and its own jobs, and no value of
//! one is stored in the other (threats U2 and U3).
//!
//! | Question | Module |
//! |---|---|
//! | What may a request contain? | [`domain`] |
//! | What does an endpoint answer? | [`routes`] |
//! | Which transfer pays which order? | [`transfers`], [`custodians`] |
//! | How are tokens signed, and how are they redeemed? | [`signing`], [`votes`] |
//! | What is kept, and for how long? | [`store`], [`jobs`] |
//! | Is all there that it needs? | [`doctor`] |
//! | What can go wrong? | [`error`] |
//! | Which rules can a test replace? | [`rules`] |

mod assembly_orders;
mod assembly_votes;
pub mod challenge_bypass;
pub mod commands;
pub mod config;
pub mod custodians;
pub mod doctor;
pub mod domain;
pub mod error;
pub mod jobs;
pub mod new_generation;
pub mod published;
pub mod routes;
pub mod rules;
pub mod signing;
pub mod store;
pub mod transfers;
pub mod votes;

use std::sync::Arc;

use anyhow::Context as _;
use axum::middleware::from_fn;
use clock::Clock;
use secrecy::ExposeSecret as _;
use service_kit::{Service, Shutdown, service::Readiness};
use utoipa::OpenApi as _;

pub use assembly_orders::catalogue;
pub use assembly_votes::{FIGURES_LINE, Topics, VOTES_LINE};
pub use config::Config;
pub use rules::Rules;

use assembly_orders::{OrdersSideParts, orders_side};
use assembly_votes::{VotesSideParts, votes_side};
use routes::{idempotency, orders_state::OrdersApi, public::PublicApi};

/// The service's name, and what its variables in the environment begin with.
pub const NAME: &str = "payments";

/// What the service is given and does not read from its settings.
#[derive(Clone, Debug)]
pub struct Deps {
    /// The calendar.
    pub clock: Clock,
    /// The rules: the default everywhere but in tests that plant a fault.
    pub rules: Rules,
}

/// Opens what the service needs and puts it together. It serves when it is started.
pub async fn build(config: Config, deps: Deps) -> anyhow::Result<Service> {
    let Deps { clock, rules } = deps;
    let store = store::orders::open(config.orders_database.url.expose_secret()).await?;
    let issuers = assembly_orders::issuers(&config);
    assembly_orders::check_known(&*store, &issuers).await?;
    let log = config.open_log().await;
    let log = log.context("the event log cannot be opened")?;
    let client = challenge_bypass::Client::new(
        config.challenge_bypass.url.clone(),
        &config.challenge_bypass.tls,
    )?;
    let shutdown = Shutdown::default();

    let (orders_db, closing_log) = (Arc::clone(&store), Arc::clone(&log));
    let votes = votes_side(VotesSideParts {
        config: &config,
        client: client.clone(),
        publications: store.publications(),
        figures_outbox: store.outbox(),
        figures: store.clone(),
        log,
        issuers,
        shutdown: shutdown.clone(),
        clock: clock.clone(),
        rules: rules.votes,
        signed_fits: rules.signed_fits,
        faults: rules.fault.clone(),
    })
    .await?;
    let orders = orders_side(OrdersSideParts {
        config: &config,
        client,
        store,
        directory: Arc::clone(&votes.directory),
        clock: clock.clone(),
        rules,
    })?;

    let readiness = orders.add_checks(votes.add_checks(Readiness::default()));
    let votes_db = votes.db();
    let api = orders.router.merge(votes.router);
    let api = api.layer(from_fn(idempotency::refuse_elsewhere));
    let mut service = Service::new(NAME, api, config.http, clock)
        .openapi(openapi())
        .readiness(readiness)
        .shutdown(shutdown)
        .at_end(move || {
            let (orders, votes) = (Arc::clone(&orders_db), Arc::clone(&votes_db));
            let log = Arc::clone(&closing_log);
            async move {
                orders.close().await;
                votes.close().await;
                log.close().await;
            }
        });
    service.jobs.extend(votes.jobs);
    service.jobs.extend(orders.jobs);
    Ok(service)
}

/// The description of the public API.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut openapi = OrdersApi::openapi();
    openapi.merge(PublicApi::openapi());
    openapi.info = utoipa::openapi::Info::new(NAME, env!("CARGO_PKG_VERSION"));
    openapi.info.description = Some("Orders, transactions, credentials and votes.".to_owned());
    openapi
}
