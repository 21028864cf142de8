//! `blindtally up`: the whole system on the real clock, until ctrl-c.
#![expect(
    clippy::print_stdout,
    reason = "what this command prints is what it is for"
)]

mod introduction;
mod measurements;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use clock::Clock;
use service_kit::{
    shutdown::{self, Shutdown},
    telemetry,
};
use star_collector::aggregate::summary::Summary;

use crate::system::{Engines, Profile, System};

/// Runs the whole system on this machine, and keeps everything in one folder.
#[derive(Args, Clone, Debug)]
pub struct UpArgs {
    /// The folder with its databases, keys and certificates; made if it is not there.
    #[arg(long, value_name = "DIR", default_value = "blindtally-data")]
    pub data: PathBuf,

    /// Run on a real PostgreSQL and Kafka: the file `engines.toml` that `deploy/engines/up` writes.
    #[arg(long, value_name = "FILE")]
    pub engines: Option<PathBuf>,

    /// The lowest level that is logged, to stderr.
    #[arg(long, default_value = "warn")]
    pub log: String,
}

/// Starts the system, says how to use it, and stops it on ctrl-c or SIGTERM.
pub async fn run(args: &UpArgs) -> anyhow::Result<()> {
    telemetry::init(&args.log)?;
    let mut profile = Profile::up();
    let engines = args.engines.as_deref().map(Engines::read).transpose()?;
    if let Some(engines) = &engines {
        engines
            .migrate()
            .await
            .context("the tables cannot be made")?;
        profile = engines.serve(profile)?;
    }
    let started = System::start(&args.data, profile, Clock::system()).await;
    let system = started.context("the system does not start")?;
    let collector = measurements::start(&args.data, engines.as_ref()).await;
    let collector = collector.context("star-collector does not start")?;
    system.layout().until_it_sells().await?;
    let program = std::env::current_exe().context("this program has no path")?;
    let introduction = introduction::of(system.layout(), &collector, &program)?;
    // Whoever reads this may send a signal, so the listener on signals is polled first.
    let told = async {
        println!("{introduction}");
        println!("Ctrl-C stops it; the same command goes on where it was.");
    };
    let running = Shutdown::default();
    let aggregating = measurements::aggregate(collector.aggregator(), running.clone(), tell);
    let until_told = async {
        let (signal, ()) = tokio::join!(biased; shutdown::signal(), told);
        running.begin();
        signal
    };
    let (signal, ()) = tokio::join!(biased; until_told, aggregating);
    signal?;

    println!("Stopping: what has begun is finished.");
    let stopped = collector.stop().await.and(system.stop().await);
    stopped.context("the system does not stop")?;
    match &args.engines {
        None => println!("Stopped. Everything is in {}.", args.data.display()),
        Some(_) => println!(
            "Stopped. Keys, certificates and the custodian are in {}, the rest is in the engines.",
            args.data.display()
        ),
    }
    Ok(())
}

/// Says what a run of the aggregator did.
fn tell(summary: &Summary) {
    let tally = &summary.tally;
    println!(
        "measurements: {} read, {} opened, {} reported in full, {} in part",
        tally.consumed, tally.opened, tally.reported, tally.partial
    );
}
