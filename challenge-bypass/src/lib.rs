//! Issuers: they sign blinded tokens, and take each token once.
//!
//! A client hides random preimages behind blinding factors and has an issuer sign the result;
//! unblinded, the signed tokens can be spent here without the issuer being able to tell which
//! signing request they came from. The protocol is Privacy Pass over ristretto255 as
//! `challenge-bypass-ristretto` 2.1 speaks it, with the RFC 9497 derivation (`*_rfc`): the OPRF of
//! [RFC 9497] in mode 0x00, with that crate's own batch DLEQ proof. The older derivation can be
//! forged (threat T9) and is refused.
//!
//! # Where to look
//!
//! | Question | Module |
//! |---|---|
//! | What may a request contain, and what follows from it? | [`domain`] |
//! | How is a token spent? | [`registry`] |
//! | How is a batch signed? | [`signer`] |
//! | When are keys added, and how are they opened? | [`issuers`], [`keyring`] |
//! | What if the registry was set back? | [`mod@after_restore`] |
//! | What is kept, and for how long? | [`store`], [`jobs`] |
//! | Is all there that it needs? | [`doctor`] |
//! | What can go wrong? | [`error`] |
//!
//! # What this crate must never do
//!
//! Keep or log a blinded token, a preimage, or a time finer than a day next to a redemption: each
//! would let whoever reads the database or the logs join a redemption to the request its token was
//! signed in. `threat-model/` holds the tests of this (U2, U3).
//!
//! [RFC 9497]: https://www.rfc-editor.org/rfc/rfc9497

pub mod after_restore;
mod auth;
pub mod config;
pub mod doctor;
pub mod domain;
pub mod error;
pub mod issuers;
pub mod jobs;
pub mod keyring;
pub mod registry;
pub mod rewrap;
mod routes;
mod rules;
pub mod signer;
mod state;
pub mod store;

use std::sync::Arc;

use anyhow::Context as _;
use clock::Clock;
use secrecy::ExposeSecret as _;
use service_kit::{Service, Shutdown, bearer::BearerTokens, crypto::Pool, service::Readiness};
use utoipa::OpenApi as _;

pub use config::Config;
pub use error::Error;
pub use rules::Rules;
pub use state::{AppState, Shared};

use crate::{
    issuers::Issuers,
    jobs::{RetentionJob, RotationJob},
    keyring::Keyring,
    registry::Registry,
    signer::Signer,
    store::Store,
};

/// What the service is given from outside.
#[derive(Clone, Debug)]
pub struct Deps {
    /// The calendar.
    pub clock: Clock,
    /// The decisions; only tests of threats replace them.
    pub rules: Rules,
}

impl Deps {
    /// What a service has that runs for real.
    pub fn system() -> Self {
        Self {
            clock: Clock::system(),
            rules: Rules::default(),
        }
    }
}

/// Opens the database and the keys, and builds the service.
pub async fn build(config: Config, deps: Deps) -> anyhow::Result<Service> {
    let issuers = open_issuers(&config, &deps).await?;
    let state = state(&config, &deps, issuers)?;
    Ok(service(config, state))
}

/// Opens the database and the keys, for whoever manages issuers.
pub async fn open_issuers(config: &Config, deps: &Deps) -> anyhow::Result<Issuers> {
    let store = open_store(config, deps.rules.clone()).await?;
    let sealer = rewrap::sealer(&config.keys)?;
    let keyring = Keyring::open(Arc::clone(&store), sealer)
        .await
        .context("the signing keys do not open")?;
    Ok(Issuers {
        store,
        keyring: Arc::new(keyring),
        rotation: config.keys.rotation(),
        clock: deps.clock.clone(),
    })
}

/// Opens the database that the settings name.
pub async fn open_store(config: &Config, rules: Rules) -> anyhow::Result<Arc<dyn Store>> {
    store::open(config.database.url.expose_secret(), rules).await
}

fn state(config: &Config, deps: &Deps, issuers: Issuers) -> anyhow::Result<AppState> {
    let Deps { clock, rules } = deps.clone();
    let (store, keyring) = (Arc::clone(&issuers.store), Arc::clone(&issuers.keyring));
    let pool = Pool::for_this_machine(config.crypto)?;
    let shutdown = Shutdown::default();
    let registry = Registry::new(&store, pool.clone(), &rules, &clock, &shutdown);
    let shared = Shared {
        issuers,
        signer: Signer {
            store: Arc::clone(&store),
            keyring: Arc::clone(&keyring),
            registry: registry.clone(),
            pool,
            rules: rules.clone(),
            clock: clock.clone(),
        },
        tokens: BearerTokens::read(&config.auth)?,
        limits: config.limits,
        store,
        keyring,
        registry,
        rules,
        clock,
        shutdown,
    };
    Ok(shared.into())
}

fn service(config: Config, state: AppState) -> Service {
    let (store, closing) = (Arc::clone(&state.store), Arc::clone(&state.store));
    let readiness = Readiness::default().check("database", move || {
        let store = Arc::clone(&store);
        async move { store.check().await }
    });
    let retention = RetentionJob {
        store: Arc::clone(&state.store),
        keyring: Arc::clone(&state.keyring),
        retention: config.retention,
        clock: state.clock.clone(),
    };
    let rotation = RotationJob(state.issuers.clone());
    let (clock, shutdown) = (state.clock.clone(), state.shutdown.clone());
    Service::new(config::SERVICE, routes::router(state), config.http, clock)
        .openapi(routes::ApiDoc::openapi())
        .job(rotation)
        .job(retention)
        .readiness(readiness)
        .shutdown(shutdown)
        .at_end(move || {
            let store = Arc::clone(&closing);
            async move { store.close().await }
        })
}
