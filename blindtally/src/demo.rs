//! `blindtally demo`: a month of the whole system in half a minute.
//!
//! The services run as they do across machines: over TLS, on their own databases, by their own jobs.
//! Browsers and attackers are the only actors, and the calendar is simulated, so that a month
//! passes as fast as the work in it is done. At the end the services' own books are laid next to each
//! other and next to what the actors did.

mod books;
mod cast;
mod expected;
mod life;
mod measured;
mod print;
mod progress;
mod raids;
mod reconcile;
mod report;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, TimeZone as _, Utc};
use clap::Args;
use clock::{Clock, Simulation};
use messages::{money::Amount, publisher::Publisher};
use service_kit::shutdown;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::{
    attacks::{Attack, Score},
    system::{Collector, Planted, Profile, System},
};
use expected::{Expected, Turns};
use life::Life;
use measured::{Measured, Population};
use progress::Progress;

pub use measured::Measurements;
pub use report::{AttackRow, BySource, Report};

/// Where Linux keeps files in memory.
const MEMORY: &str = "/dev/shm";

/// A month of so many browsers takes up to 26 MB, and what containers have there by default is 64 MB.
const BROWSERS_IN_MEMORY_MAX: u32 = 1_000;

/// The month is over, its grace too, and the jobs of the next morning have run.
const DAYS: i64 = 31 + 4;

/// Runs a month of the whole system in this process and shows that nothing is lost or counted twice.
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    /// How many browsers take part.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    pub browsers: u32,

    /// How many publishers they visit.
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub publishers: u32,

    /// How many measurements clients send.
    #[arg(long, default_value_t = 3_000, value_parser = clap::value_parser!(u32).range(0..=30_000))]
    pub measurements: u32,

    /// What everybody's choices are drawn from: the same seed gives the same report.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    /// Writes the report there, as JSON.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,

    /// Keeps databases, keys, certificates and wallets in this folder, which must be new or empty.
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
}

impl Default for DemoArgs {
    fn default() -> Self {
        Self {
            browsers: 200,
            publishers: 25,
            measurements: 3_000,
            seed: 1,
            report: None,
            keep: None,
        }
    }
}

/// Runs the demo and prints what it showed. Whether everything agreed is in the report.
pub async fn run(args: &DemoArgs) -> anyhow::Result<Report> {
    run_planted(args, Planted::default()).await
}

/// Runs the demo with some of the services' rules replaced.
pub async fn run_planted(args: &DemoArgs, planted: Planted) -> anyhow::Result<Report> {
    let temporary;
    let folder = if let Some(folder) = &args.keep {
        std::fs::create_dir_all(folder).context("the folder to keep cannot be made")?;
        let mut found = std::fs::read_dir(folder)?;
        anyhow::ensure!(found.next().is_none(), "the folder to keep is not empty");
        folder.as_path()
    } else {
        temporary = temporary_folder(args.browsers).context("no room for the demo's files")?;
        temporary.path()
    };
    print::start(args);
    let month = tokio::select! {
        month = Month::live(args, folder, planted) => month?,
        // So that the temporary folder goes with it.
        _ = shutdown::signal() => anyhow::bail!("interrupted"),
    };
    print::month(&month);
    if let Some(file) = &args.report {
        month.report.write(file)?;
    }
    Ok(month.report)
}

/// A folder that goes when it is dropped. What is thrown away needs no disk, and a month has some ten
/// thousand transactions, each of which waits until it is written down.
fn temporary_folder(browsers: u32) -> std::io::Result<TempDir> {
    if browsers <= BROWSERS_IN_MEMORY_MAX
        && let Ok(in_memory) = tempfile::tempdir_in(MEMORY)
    {
        return Ok(in_memory);
    }
    tempfile::tempdir()
}

/// What each attack got.
type Scores = BTreeMap<Attack, Score>;

/// A month that was lived through, and what its books say.
pub(crate) struct Month {
    report: Report,
    sheet: reconcile::Sheet,
    publishers: Vec<(Publisher, u64)>,
    tokens_published: BySource<u64>,
    left: BySource<Amount>,
    keys: u64,
    turns: Turns,
    measured: measured::Opened,
}

impl Month {
    async fn live(args: &DemoArgs, folder: &Path, planted: Planted) -> anyhow::Result<Self> {
        let start = Utc
            .with_ymd_and_hms(2026, 1, 1, 0, 0, 0)
            .single()
            .context("a date that exists")?;
        let (clock, simulation) = Clock::simulated(start);
        let (home, profile) = (folder.join("system"), Profile::month());
        let system = System::start_planted(&home, profile, clock.clone(), planted).await?;
        let rules = measured::rules(start);
        let of_collector = folder.join("star-collector");
        let collector = Collector::start(&of_collector, rules, None, &clock).await?;
        let population = Population::new(args.measurements, args.seed);
        let mut stage = Stage::set(args, folder, &system, &clock, start).await?;
        let clients = folder.join("clients");
        std::fs::create_dir(&clients)?;
        let when = (&clock, start);
        measured::spawn(&mut stage.actors, &collector, &population, when, &clients)?;

        let Played {
            expected,
            scores,
            measured,
        } = stage.play(simulation).await?;

        let books = books::read(&system).await?;
        let published = Collector::published(&of_collector).await?;
        let stopped = collector.stop().await.and(system.stop().await);
        stopped.context("the system does not stop")?;
        let sheet = reconcile::check(&books, &expected, &scores);
        let opened = measured::check(&published, &population, &rules, &measured)?;
        let mut report = books.report(&scores, sheet.agrees());
        report.measurements = opened.report.clone();
        Ok(Self {
            report,
            measured: opened,
            publishers: books.publishers(),
            keys: books.registry.keys.values().sum(),
            tokens_published: books.tokens_published,
            left: books.tally.left,
            turns: expected.turns,
            sheet,
        })
    }
}

/// What everybody did.
#[derive(Default)]
struct Played {
    expected: Expected,
    scores: Scores,
    measured: Measured,
}

/// Everybody who takes part, ready to begin.
struct Stage {
    actors: JoinSet<anyhow::Result<raids::Act>>,
    progress: Progress,
    start: DateTime<Utc>,
    played: Played,
}

impl Stage {
    async fn set(
        args: &DemoArgs,
        folder: &Path,
        system: &System,
        clock: &Clock,
        start: DateTime<Utc>,
    ) -> anyhow::Result<Self> {
        let wallets = folder.join("wallets");
        std::fs::create_dir(&wallets)?;
        let shop = books::shop(system)?;
        raids::plant_failures(&shop, args.seed).await?;
        let progress = Progress::new(DAYS.unsigned_abs(), args.browsers.into());
        let publishers = cast::publishers(usize::try_from(args.publishers)?);
        let parts = cast::browsers(
            usize::try_from(args.browsers)?,
            &publishers,
            args.seed,
            start,
        );

        let mut actors = JoinSet::new();
        for part in parts {
            let profile = client::Profile::demo();
            let settings =
                system
                    .layout()
                    .browser(&part.name, args.seed, profile, clock.clone())?;
            let life = Life {
                part,
                settings,
                shop: shop.clone(),
                folder: wallets.clone(),
                clock: clock.clone(),
                progress: progress.clone(),
            };
            // Counted as running before the calendar may move.
            let busy = clock.busy();
            actors.spawn(async move { Ok(raids::Act::browser(life.live(busy).await?)) });
        }
        let watch = books::watch(system).await?;
        raids::spawn(&mut actors, &shop, &watch, clock, start);
        Ok(Self {
            actors,
            progress,
            start,
            played: Played::default(),
        })
    }

    /// Lives through the month and adds up what everybody did.
    async fn play(mut self, mut simulation: Simulation) -> anyhow::Result<Played> {
        for day in 1..=DAYS {
            let end = self.start + TimeDelta::days(day);
            simulation.run_until(end).await;
            self.progress.day(end);
            // An actor that failed fails the demo now, not a month later.
            while let Some(ended) = self.actors.try_join_next() {
                let act = ended.context("an actor panicked")??;
                self.played.expected.add(act.expected);
                self.played.scores.extend(act.score);
                self.played.measured.add(act.measured);
            }
        }
        self.progress.finish();
        anyhow::ensure!(
            self.actors.is_empty(),
            "an actor has not come to its end within the month"
        );
        Ok(self.played)
    }
}
