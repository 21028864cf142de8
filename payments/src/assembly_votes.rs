//! Puts the votes side together.

use std::{fmt, sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::Router;
use chrono::TimeDelta;
use clock::Clock;
use ed25519_dalek::SigningKey;
use secrecy::ExposeSecret as _;
use service_kit::{
    Shutdown,
    event_log::{EventLog, TopicSettings, TopicUse},
    fault::FaultPoints,
    jobs::{Job, LogRetentionJob},
    outbox::{BATCH_ROWS_MAX, Outbox, RelayHealth, RelayJob, RelayParts, Schedule, Shuffle},
    service::Readiness,
};

use crate::{
    challenge_bypass::Client,
    config::{Config, Secrets},
    domain::{directory_keys::DirectoryKeys, issuer::IssuerSpec},
    jobs::{
        directory::{DirectoryHealth, DirectoryJob},
        funds::{FundsHealth, FundsJob},
        issuers::IssuersJob,
        vote_retention::VoteRetentionJob,
    },
    published::PublishedDirectory,
    routes::public::{PublicState, router},
    store::{
        figures::Figures,
        publications::Publications,
        votes::{self, VotesDatabase},
    },
    votes::{Intake, IntakeParts, VoteCounters, VoteRules},
};

/// Names the votes' line of publications in the event log.
pub const VOTES_LINE: &str = "payments-votes";

/// Names the line of heads and funds.
pub const FIGURES_LINE: &str = "payments-figures";

/// The topics that payments publishes to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Topics {
    /// Votes.
    pub vote: String,
    /// Records of funds.
    pub funds: String,
    /// Heads of the key directory.
    pub directory: String,
}

impl Topics {
    /// The topics of an environment.
    pub fn of(environment: &str) -> Self {
        let topic = |name| format!("{environment}.payment.{name}");
        Self {
            vote: topic("vote"),
            funds: topic("funds"),
            directory: topic("directory"),
        }
    }

    /// What payments does with them: of the directory it reads its own heads again, which a restored database lacks.
    pub fn uses(&self) -> Vec<TopicUse> {
        vec![
            TopicUse::write(&self.vote),
            TopicUse::write(&self.funds),
            TopicUse {
                reads: true,
                ..TopicUse::write(&self.directory)
            },
        ]
    }
}

/// What the votes side is made of.
#[derive(Debug)]
pub(crate) struct VotesSideParts<'a> {
    pub(crate) config: &'a Config,
    pub(crate) client: Client,
    pub(crate) publications: Arc<dyn Publications>,
    pub(crate) figures_outbox: Arc<dyn Outbox>,
    pub(crate) figures: Arc<dyn Figures>,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) issuers: Vec<IssuerSpec>,
    pub(crate) shutdown: Shutdown,
    pub(crate) clock: Clock,
    pub(crate) rules: VoteRules,
    pub(crate) faults: FaultPoints,
    pub(crate) signed_fits: fn(u64, u64) -> bool,
}

/// Whether the jobs that make what everybody may read found what they must not go on with.
#[derive(Clone, Default)]
struct FiguresHealth {
    directory: DirectoryHealth,
    funds: FundsHealth,
}

/// The votes side, put together.
pub(crate) struct VotesSide {
    /// The key directory, which says under which key may be sold.
    pub(crate) directory: Arc<PublishedDirectory>,
    /// Its routes.
    pub(crate) router: Router,
    /// Its jobs.
    pub(crate) jobs: Vec<Arc<dyn Job>>,
    votes: Arc<dyn VotesDatabase>,
    log: Arc<dyn EventLog>,
    topics: Vec<TopicUse>,
    relays: [(&'static str, RelayHealth); 2],
    health: FiguresHealth,
}

impl VotesSide {
    /// The votes' database.
    pub(crate) fn db(&self) -> Arc<dyn VotesDatabase> {
        Arc::clone(&self.votes)
    }

    /// Adds what must work on this side.
    pub(crate) fn add_checks(&self, readiness: Readiness) -> Readiness {
        let votes = Arc::clone(&self.votes);
        let readiness = readiness.check("votes-database", move || {
            let votes = Arc::clone(&votes);
            async move { votes.check().await }
        });
        let FiguresHealth { directory, funds } = self.health.clone();
        let readiness = readiness
            .event_log(&self.log, self.topics.clone())
            .check("funds", move || std::future::ready(funds.check()))
            .check("directory", move || std::future::ready(directory.check()));
        self.relays
            .iter()
            .fold(readiness, |readiness, (name, health)| {
                let health = health.clone();
                readiness.check(name, move || {
                    let agreed = health.check();
                    async move { agreed }
                })
            })
    }
}

impl fmt::Debug for VotesSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VotesSide").finish_non_exhaustive()
    }
}

/// Opens the votes' database and puts routes and jobs together.
pub(crate) async fn votes_side(parts: VotesSideParts<'_>) -> anyhow::Result<VotesSide> {
    let config = parts.config;
    let topics = Topics::of(&config.environment);
    ensure_topics(&parts, &topics).await?;
    let url = config.votes_database.url.expose_secret();
    let votes = votes::open(url, topics.vote.clone(), parts.rules).await?;

    let stored = parts
        .publications
        .directory()
        .await
        .context("the key directory cannot be read")?;
    let notice = TimeDelta::hours(config.directory.key_notice_hours.into());
    let directory = Arc::new(PublishedDirectory::new(stored, notice));

    let intake = Intake::new(IntakeParts {
        store: votes.clone(),
        redeemer: Arc::new(parts.client.clone()),
        directory: Arc::clone(&directory),
        clock: parts.clock.clone(),
        shutdown: parts.shutdown.clone(),
        in_work_max: config.votes.votes_in_work_max,
        rules: parts.rules,
        faults: parts.faults.clone(),
    });
    let state = PublicState {
        intake,
        vote_limits: config.votes.limits(),
        counters: VoteCounters::default(),
        directory: Arc::clone(&directory),
        publications: Arc::clone(&parts.publications),
        figures: Arc::clone(&parts.figures),
        anonymity_sets: Arc::default(),
        rules: parts.rules,
        clock: parts.clock.clone(),
    };
    let (votes_relay, votes_health) = votes_relay(&parts, votes.outbox());
    let (figures_relay, figures_health) = figures_relay(&parts, Arc::clone(&parts.figures_outbox));
    let health = FiguresHealth::default();
    let mut jobs = publishing_jobs(&parts, &topics, &directory, &health)?;
    jobs.push(Arc::new(votes_relay));
    jobs.push(Arc::new(figures_relay));
    jobs.push(Arc::new(VoteRetentionJob {
        store: votes.clone(),
        published: Arc::clone(&directory),
        kept: TimeDelta::days(config.votes.vote_retention_days.into()),
        clock: parts.clock.clone(),
    }));
    Ok(VotesSide {
        directory,
        router: router(state, config.votes.body_bytes_max),
        jobs,
        votes,
        log: parts.log,
        topics: topics.uses(),
        relays: [(VOTES_LINE, votes_health), (FIGURES_LINE, figures_health)],
        health,
    })
}

/// The jobs that make what everybody may read.
fn publishing_jobs(
    parts: &VotesSideParts<'_>,
    topics: &Topics,
    directory: &Arc<PublishedDirectory>,
    health: &FiguresHealth,
) -> anyhow::Result<Vec<Arc<dyn Job>>> {
    let keys = directory_keys(&parts.config.secrets)?;
    Ok(vec![
        Arc::new(IssuersJob {
            keeper: Arc::new(parts.client.clone()),
            issuers: parts.issuers.clone(),
        }),
        Arc::new(DirectoryJob {
            keeper: Arc::new(parts.client.clone()),
            store: Arc::clone(&parts.publications),
            published: Arc::clone(directory),
            issuers: parts.issuers.clone(),
            keys,
            log: Arc::clone(&parts.log),
            topic: topics.directory.clone(),
            health: health.directory.clone(),
            poll: TimeDelta::minutes(parts.config.directory.directory_poll_minutes.into()),
            clock: parts.clock.clone(),
        }),
        Arc::new(FundsJob {
            keeper: Arc::new(parts.client.clone()),
            figures: Arc::clone(&parts.figures),
            issuers: parts.issuers.clone(),
            environment: parts.config.environment.clone(),
            topic: topics.funds.clone(),
            clock: parts.clock.clone(),
            signed_fits: parts.signed_fits,
            health: health.funds.clone(),
        }),
        Arc::new(LogRetentionJob {
            log: Arc::clone(&parts.log),
            clock: parts.clock.clone(),
        }),
    ])
}

fn directory_keys(secrets: &Secrets) -> anyhow::Result<DirectoryKeys> {
    let present = SigningKey::from_bytes(&*secrets.directory_key_file.read_key()?);
    let file = &secrets.previous_directory_key_file;
    if file.is_unset() {
        return Ok(DirectoryKeys::new(present, None));
    }
    let previous = SigningKey::from_bytes(&*file.read_key()?);
    anyhow::ensure!(
        previous != present,
        "secrets.previous_directory_key_file has the same key as secrets.directory_key_file"
    );
    Ok(DirectoryKeys::new(present, Some(previous)))
}

async fn ensure_topics(parts: &VotesSideParts<'_>, topics: &Topics) -> anyhow::Result<()> {
    let publication = &parts.config.publication;
    let settings = TopicSettings {
        partitions: publication.topic_partitions,
        retention: TimeDelta::days(publication.topic_retention_days.into()),
    };
    for topic in [&topics.vote, &topics.funds, &topics.directory] {
        parts.log.ensure_topic(topic, settings).await?;
    }
    Ok(())
}

fn votes_relay(parts: &VotesSideParts<'_>, outbox: Arc<dyn Outbox>) -> (RelayJob, RelayHealth) {
    let publication = &parts.config.publication;
    let slots = Schedule::Slots {
        slots: publication.publication_slots.times().to_vec(),
        rows_min: publication.publication_min_votes,
    };
    let schedule = (parts.rules.schedule)(slots);
    let relay = relay_parts(parts, VOTES_LINE, outbox, schedule, parts.rules.shuffle);
    RelayJob::new("votes-relay", relay)
}

/// Figures say nothing of a person, and who keeps heads refuses one that comes after a later day's: so they leave in order.
fn figures_relay(parts: &VotesSideParts<'_>, outbox: Arc<dyn Outbox>) -> (RelayJob, RelayHealth) {
    let minutes = parts.config.publication.figures_interval_minutes;
    let schedule = Schedule::Every(TimeDelta::minutes(minutes.into()));
    let relay = relay_parts(parts, FIGURES_LINE, outbox, schedule, Shuffle::Off);
    RelayJob::new("figures-relay", relay)
}

fn relay_parts(
    parts: &VotesSideParts<'_>,
    line: &str,
    outbox: Arc<dyn Outbox>,
    schedule: Schedule,
    shuffle: Shuffle,
) -> RelayParts {
    RelayParts {
        name: line.to_owned(),
        outbox,
        log: Arc::clone(&parts.log),
        clock: parts.clock.clone(),
        schedule,
        batch_rows_max: BATCH_ROWS_MAX,
        lease_lasts: Duration::from_secs(parts.config.publication.lease_seconds),
        shuffle,
        faults: parts.faults.clone(),
    }
}
