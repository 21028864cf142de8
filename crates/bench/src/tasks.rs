//! What the benchmarks of [`crate::pipes`] run in processes of their own: our end of the topic of votes, and the bare
//! Kafka client at the same end. A task measures itself, without what it needs to begin.

use std::{
    io::Write as _,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use blindtally::system::ServiceName;
use chrono::TimeDelta;
use clock::Clock;
use messages::{FundingSource, KeyId, encoding::Fixed, vote_text::VoteText};
use payments::{
    Topics, VOTES_LINE,
    domain::vote::{RedeemedVote, VoteId},
    store::votes,
    votes::VoteRules,
};
use rand::{RngCore as _, rngs::OsRng};
use secrecy::ExposeSecret as _;
use service_kit::{
    fault::FaultPoints,
    outbox::{Ran, Relay, RelayParts, Schedule, Shuffle},
    shutdown::Shutdown,
};
use tally::intake::Reached;

use crate::{
    bare, cpu,
    pipes::{BATCH, Done, EVENTS},
    stage::settings,
};

/// Publishers that are voted for.
const PUBLISHERS: usize = 400;

/// A lease that nobody else wants.
const LEASE_LASTS: Duration = Duration::from_mins(1);

/// Does a task with the settings in `file`, and says on stdout what it took.
pub async fn run(task: Task, file: &Path) -> anyhow::Result<()> {
    service_kit::telemetry::init("warn")?;
    let payments = || settings(ServiceName::Payments, file).load();
    let tally = || settings(ServiceName::Tally, file).load();
    let done = match task {
        Task::BareConsume => bare::consume(&tally()?).await?,
        Task::BareProduce => bare::produce(&payments()?).await?,
        Task::Intake => intake(&tally()?).await?,
        Task::Relay => relay(&payments()?).await?,
    };
    serde_json::to_writer(std::io::stdout(), &done)?;
    Ok(std::io::stdout().flush()?)
}

/// What a process of its own does.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Task {
    /// Reads the topic of votes, committed records only, and drops them.
    BareConsume,
    /// Writes events to the topic of votes, in transactions that move an offset.
    BareProduce,
    /// Counts what is new on the topic of votes.
    Intake,
    /// Publishes votes from an outbox.
    Relay,
}

/// Measures `work`, which answers how many events went through. It runs as a job of a service does: as a task, where the
/// runtime's threads are.
pub(crate) async fn measure(
    work: impl Future<Output = anyhow::Result<usize>> + Send + 'static,
) -> anyhow::Result<Done> {
    let me = std::process::id();
    let (started, before) = (Instant::now(), cpu::of_process(me)?);
    let events = Shutdown::default().spawn(work).await??;
    Ok(Done {
        events,
        cpu: cpu::of_process(me)?.saturating_sub(before),
        elapsed: started.elapsed(),
    })
}

async fn relay(config: &payments::Config) -> anyhow::Result<Done> {
    let log = config.open_log().await?;
    let url = config.votes_database.url.expose_secret();
    let topic = Topics::of(&config.environment).vote;
    let database = votes::open(url, topic, VoteRules::default()).await?;
    let votes = recorded()?;
    for batch in votes.chunks(BATCH) {
        database.record(batch).await?;
    }
    let mut relay = Relay::new(RelayParts {
        name: VOTES_LINE.to_owned(),
        outbox: database.outbox(),
        log: Arc::clone(&log),
        clock: Clock::system(),
        schedule: Schedule::Every(TimeDelta::zero()),
        batch_rows_max: service_kit::outbox::BATCH_ROWS_MAX,
        lease_lasts: LEASE_LASTS,
        shuffle: Shuffle::Random,
        faults: FaultPoints::default(),
    });
    measure(async move {
        match relay.run_once().await? {
            Ran::Published(count) => Ok(usize::try_from(count)?),
            Ran::NotMine => anyhow::bail!("somebody else publishes"),
        }
    })
    .await
}

async fn intake(config: &tally::Config) -> anyhow::Result<Done> {
    let parts = tally::open(config, &tally::Deps::system()).await?;
    let before = counted(&parts).await?;
    let intake = Arc::clone(&parts.intake);
    let mut done = measure(async move {
        let reached = intake.run().await?;
        ensure!(reached == Reached::End, "somebody else reads");
        Ok(0)
    })
    .await?;
    done.events = counted(&parts).await? - before;
    Ok(done)
}

/// How many events tally has counted: each stands for one token.
async fn counted(parts: &tally::Parts) -> anyhow::Result<usize> {
    let months = parts.store.months().await?;
    let lines = months.iter().flat_map(|month| &month.lines);
    Ok(usize::try_from(lines.map(|line| line.votes).sum::<u64>())?)
}

/// Votes as payments has them once challenge-bypass has redeemed their tokens.
fn recorded() -> anyhow::Result<Vec<RedeemedVote>> {
    let value: messages::money::Amount = "0.25".parse()?;
    let vote = |number: usize| {
        let mut id = [0; 32];
        OsRng.fill_bytes(&mut id);
        let text = format!(
            r#"{{"channel":"{}","type":"auto-contribute"}}"#,
            publisher(number)
        );
        Ok(RedeemedVote {
            id: VoteId(id),
            key: KeyId::of(&Fixed([1; 32])),
            tokens: 1,
            text: text.parse::<VoteText>().context("a vote text")?,
            funding_source: FundingSource::UserWallet,
            value,
            redeemed_total: 0,
        })
    };
    (0..EVENTS).map(vote).collect()
}

/// The publisher that the vote of a number is for.
pub(crate) fn publisher(number: usize) -> String {
    format!("publisher-{}.com", number % PUBLISHERS)
}
