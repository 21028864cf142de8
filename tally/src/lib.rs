//! The ledger: counts votes, each once, closes months, and splits what was received exactly.
//!
//! It reads the topics that payments writes: votes, funds, heads of the key directory. Of the money
//! it keeps a double-entry ledger whose rows are chained and whose heads are signed, so that nobody
//! who can write to the database alone can change the past unnoticed (threat T15).
//!
//! # Where to look
//!
//! | Question | Module |
//! |---|---|
//! | What does a record say, and when is it refused? | [`domain`] |
//! | How is each record taken exactly once? | [`intake`] |
//! | When does a month close, and who gets how much? | [`closer`], [`domain::closing`], [`domain::split`] |
//! | Is the ledger what was written? | [`verify`], [`domain::ledger`], [`domain::head`] |
//! | What is kept? | [`store`] |
//! | What if the log is lost? | [`mod@rewind`] |
//! | What does it do by itself? | [`jobs`] |
//! | Is all there that it needs? | [`doctor`] |
//! | What can go wrong? | [`error`], [`health`] |
//!
//! # What this crate must never do
//!
//! Pay out more than a funding source has paid in, or split more votes than its tokens were redeemed
//! (threat T18): whoever writes to a topic could otherwise empty the pool.

mod auth;
pub mod closer;
pub mod config;
pub mod doctor;
pub mod domain;
pub mod error;
pub mod health;
pub mod intake;
pub mod jobs;
pub mod rewind;
mod routes;
mod rules;
mod state;
pub mod store;
pub mod topics;
pub mod verify;

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use chrono::TimeDelta;
use clock::Clock;
use ed25519_dalek::VerifyingKey;
use messages::encoding::Fixed;
use secrecy::ExposeSecret as _;
use service_kit::{
    Service,
    bearer::BearerTokens,
    event_log::EventLog,
    limits::RouteLimit,
    outbox::{BATCH_ROWS_MAX, RelayHealth, RelayJob, RelayParts, Schedule, Shuffle},
    service::Readiness,
    shutdown::Shutdown,
};
use utoipa::OpenApi as _;

pub use config::Config;
pub use rules::Rules;

use crate::{
    closer::{Closer, CloserParts},
    domain::HeadKey,
    health::Health,
    intake::{Intake, IntakeParts},
    jobs::{CloseJob, ConsumeJob, ForgetJob, SignHeadJob},
    state::AppState,
    store::Store,
    topics::Topics,
};

/// Names the tally's line of publications in the event log.
pub const LINE: &str = "tally";

/// What the service is given from outside.
#[derive(Clone, Debug)]
pub struct Deps {
    /// The calendar.
    pub clock: Clock,
    /// The rules; only tests of threats replace them.
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

/// What the service and the commands work with.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The topics' log.
    pub log: Arc<dyn EventLog>,
    /// The topics.
    pub topics: Topics,
    /// Reads topics.
    pub intake: Arc<Intake>,
    /// Closes months.
    pub closer: Closer,
    /// Signs heads.
    pub key: HeadKey,
    /// Whether reading has stopped.
    pub health: Health,
    /// The order to stop, which a long reading of the topics heeds.
    pub shutdown: Shutdown,
}

/// Opens the database that the settings name.
pub async fn open_store(config: &Config) -> anyhow::Result<Arc<dyn Store>> {
    store::open(config.database.url.expose_secret()).await
}

/// Opens what the service and the commands work with.
pub async fn open(config: &Config, deps: &Deps) -> anyhow::Result<Parts> {
    let store = open_store(config).await?;
    let log = config.open_log().await?;
    let topics = Topics::of(&config.environment);
    topics
        .ensure_own(&*log, config.event_log.retention_days)
        .await?;
    let key = HeadKey::read(&config.ledger.head_key_file)?;
    let (health, shutdown) = (Health::default(), Shutdown::default());
    let intake = Arc::new(Intake::new(IntakeParts {
        store: Arc::clone(&store),
        log: Arc::clone(&log),
        topics: topics.clone(),
        clock: deps.clock.clone(),
        lease_lasts: lease_lasts(config),
        event_id_months: event_id_months(config)?,
        directory_keys: directory_keys(config)?,
        health: health.clone(),
        shutdown: shutdown.clone(),
        faults: deps.rules.faults.clone(),
    }));
    let closer = Closer::new(CloserParts {
        store: Arc::clone(&store),
        intake: Arc::clone(&intake),
        key: key.clone(),
        head_topic: topics.ledger_head.clone(),
        clock: deps.clock.clone(),
        grace_days: config.closing.grace_days,
        fee: fee(config)?,
        sources: config.closing.funding_sources.clone(),
        rules: deps.rules.clone(),
    });
    Ok(Parts {
        store,
        log,
        topics,
        intake,
        closer,
        key,
        health,
        shutdown,
    })
}

/// Opens everything and builds the service.
pub async fn build(config: Config, deps: Deps) -> anyhow::Result<Service> {
    let parts = open(&config, &deps).await?;
    let directory_heads = RouteLimit::per_minute(config.limits.directory_heads_per_minute);
    let state = AppState {
        store: Arc::clone(&parts.store),
        clock: deps.clock.clone(),
        tokens: BearerTokens::read(&config.auth)?,
        page_rows_max: config.limits.page_rows_max,
        directory_heads: directory_heads.clone(),
    };
    let (relay, relay_health) = relay(&config, &deps, &parts);
    let service = Service::new(
        config::SERVICE,
        routes::router(state),
        config.http,
        deps.clock.clone(),
    );
    Ok(service
        .openapi(openapi())
        .readiness(readiness(&parts, relay_health))
        .route_limit(directory_heads)
        .shutdown(parts.shutdown.clone())
        .job(ConsumeJob {
            intake: Arc::clone(&parts.intake),
            poll: TimeDelta::seconds(config.event_log.poll_seconds.into()),
        })
        .job(CloseJob {
            closer: parts.closer.clone(),
            clock: deps.clock.clone(),
        })
        .job(SignHeadJob {
            store: Arc::clone(&parts.store),
            key: parts.key.clone(),
            topic: parts.topics.ledger_head.clone(),
            clock: deps.clock.clone(),
        })
        .job(ForgetJob {
            store: Arc::clone(&parts.store),
            event_id_months: config.retention.event_id_months,
            clock: deps.clock.clone(),
        })
        .job(relay)
        .at_end(move || {
            let (store, log) = (Arc::clone(&parts.store), Arc::clone(&parts.log));
            async move {
                store.close().await;
                log.close().await;
            }
        }))
}

/// The description of the API.
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes::ApiDoc::openapi()
}

fn relay(config: &Config, deps: &Deps, parts: &Parts) -> (RelayJob, RelayHealth) {
    let relay = RelayParts {
        name: LINE.to_owned(),
        outbox: parts.store.outbox(),
        log: Arc::clone(&parts.log),
        clock: deps.clock.clone(),
        schedule: Schedule::Every(TimeDelta::seconds(config.event_log.poll_seconds.into())),
        batch_rows_max: BATCH_ROWS_MAX,
        lease_lasts: lease_lasts(config),
        shuffle: Shuffle::Random,
        faults: deps.rules.faults.clone(),
    };
    RelayJob::new("relay", relay)
}

fn readiness(parts: &Parts, relay: RelayHealth) -> Readiness {
    let (store, health) = (Arc::clone(&parts.store), parts.health.clone());
    Readiness::default()
        .check("database", move || {
            let store = Arc::clone(&store);
            async move { store.check().await }
        })
        .event_log(&parts.log, parts.topics.uses())
        .check("reading", move || std::future::ready(health.check()))
        .check("outbox", move || std::future::ready(relay.check()))
}

fn lease_lasts(config: &Config) -> Duration {
    Duration::from_secs(config.event_log.lease_seconds.into())
}

fn fee(config: &Config) -> anyhow::Result<u64> {
    let fee = config.closing.fee_basis_points;
    anyhow::ensure!(
        fee <= domain::closing::FEE_BASIS,
        "closing.fee_basis_points is above 10,000"
    );
    Ok(fee)
}

/// A month's last votes are read in the next one, at the earliest.
const EVENT_ID_MONTHS_MIN: u32 = 2;

fn event_id_months(config: &Config) -> anyhow::Result<u32> {
    let months = config.retention.event_id_months;
    anyhow::ensure!(
        months >= EVENT_ID_MONTHS_MIN,
        "retention.event_id_months is below {EVENT_ID_MONTHS_MIN}"
    );
    Ok(months)
}

/// More keys than a change has at once, and few enough to try each on every head.
const DIRECTORY_KEYS_MAX: usize = 8;

/// A witness that cannot check signatures would keep whatever is written to the topic.
fn directory_keys(config: &Config) -> anyhow::Result<Vec<VerifyingKey>> {
    let texts = &config.directory.public_keys;
    anyhow::ensure!(
        (1..=DIRECTORY_KEYS_MAX).contains(&texts.len()),
        "directory.public_keys does not have 1 to {DIRECTORY_KEYS_MAX} keys"
    );
    let wrong = "directory.public_keys has one that is no public half of a directory key in base64";
    let read = |text: &String| {
        let bytes: Fixed<32> = text.parse().context(wrong)?;
        VerifyingKey::from_bytes(bytes.as_bytes())
            .ok()
            .context(wrong)
    };
    texts.iter().map(read).collect()
}
