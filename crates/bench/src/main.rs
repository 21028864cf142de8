//! `blindtally-bench issue|redeem|vote|relay|tally|star-recover|star-collect|star-aggregate`: prints a line for each benchmark. `curve` draws a chart.

use std::{io::Write as _, path::PathBuf, time::Duration};

use blindtally::system::ServiceName;
use blindtally_bench::{cases, curve, machine, report::Report, server, stage::EngineSet, star};
#[cfg(feature = "engines")]
use blindtally_bench::{pipes, tasks};
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(
    about = "Benchmarks of Blindtally against the bare cryptography",
    version
)]
struct Cli {
    #[command(subcommand)]
    bench: Bench,
    /// Print one JSON object for each benchmark.
    #[arg(long, global = true)]
    json: bool,
    /// How often server and floor take turns.
    #[arg(long, global = true, default_value_t = 7)]
    rounds: usize,
    /// What the server keeps its data in, in a benchmark that runs on both.
    #[arg(long, global = true, value_enum, default_value_t)]
    engines: EngineSet,
}

impl Cli {
    /// Figures of files must not pass for those of real engines: a benchmark that has no use for these refuses them.
    fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(self.rounds > 0, "there must be a round");
        let files_alone = match &self.bench {
            Bench::StarCollect { .. } => Some("star-collect measures on the embedded log alone"),
            Bench::StarRecover { .. } => {
                Some("star-recover measures arithmetic, without any engine")
            }
            Bench::Curve { .. }
            | Bench::Issue
            | Bench::Redeem { .. }
            | Bench::Serve { .. }
            | Bench::StarAggregate { .. }
            | Bench::StarRun { .. }
            | Bench::StarServe { .. }
            | Bench::Vote => None,
            #[cfg(feature = "engines")]
            Bench::Relay | Bench::Tally | Bench::Task { .. } => None,
        };
        match (self.engines, files_alone) {
            (EngineSet::Real, Some(why)) => {
                anyhow::bail!("{why}: leave `--engines real` out (star-aggregate measures with it)")
            }
            (EngineSet::Embedded | EngineSet::Real, _) => Ok(()),
        }
    }
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// Signing, 40 tokens in a request.
    Issue,
    /// Redemption, 10 tokens and 1 token in a request.
    Redeem {
        /// Only requests with so many tokens.
        #[arg(long)]
        tokens_per_request: Option<usize>,
    },
    /// Votes of 4 tokens, through payments and challenge-bypass.
    Vote,
    /// Publishing, against a bare transactional producer; on real engines.
    #[cfg(feature = "engines")]
    Relay,
    /// Counting, against a bare consumer; on real engines.
    #[cfg(feature = "engines")]
    Tally,
    /// Redemptions a second against concurrency, as a chart.
    Curve {
        /// The file to write, an SVG.
        file: PathBuf,
        /// Only files, where no real engines run.
        #[arg(long)]
        embedded_only: bool,
    },
    /// Recovering the keys of groups, against the reference crate.
    StarRecover {
        /// Also as a chart in this file, an SVG.
        #[arg(long)]
        chart: Option<PathBuf>,
    },
    /// Taking measurements from clients until they are durable in the embedded log, against a bare HTTP server and the bare
    /// parser.
    StarCollect {
        /// With more numbers of connections, as a chart in this file, an SVG.
        #[arg(long)]
        chart: Option<PathBuf>,
    },
    /// Opening and counting measurements from the log, against the bare opening of the messages.
    StarAggregate {
        /// How many messages.
        #[arg(long, default_value_t = 300_000)]
        messages: u64,
        /// Also a third of them, a tenth and so on, as a chart in this file, an SVG.
        #[arg(long)]
        chart: Option<PathBuf>,
        /// Keep the embedded log in this folder, and go on with the one that is there.
        #[arg(long)]
        keep: Option<PathBuf>,
    },
    /// Runs the aggregator once with the settings of a file: what the benchmark starts and measures.
    #[command(hide = true)]
    StarRun {
        /// The file.
        file: PathBuf,
    },
    /// Serves until its input ends: what the benchmark of collect starts and measures.
    #[command(hide = true)]
    StarServe {
        /// Which server.
        server: star::Server,
        /// The folder of its log.
        dir: PathBuf,
        /// How many milliseconds a bare server waits before it answers.
        pause_ms: u64,
    },
    /// Runs one service with the settings of a file: what the benchmarks start and measure.
    #[command(hide = true)]
    Serve {
        /// The service.
        service: ServiceName,
        /// Its settings.
        file: PathBuf,
    },
    /// Does one task with the settings of a file: what the benchmarks start and measure.
    #[cfg(feature = "engines")]
    #[command(hide = true)]
    Task {
        /// Which one.
        task: tasks::Task,
        /// The settings of the service that does it.
        file: PathBuf,
    },
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    // What is measured runs as in its own program.
    let runtime = match &cli.bench {
        Bench::Serve {
            service: ServiceName::ChallengeBypass,
            ..
        } => service_kit::runtime::for_arithmetic()?,
        _ => tokio::runtime::Runtime::new()?,
    };
    runtime.block_on(run(cli))
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    cli.check()?;
    let Cli {
        rounds, engines, ..
    } = cli;
    let reports = match cli.bench {
        Bench::Issue => vec![cases::issue(engines, rounds).await?],
        Bench::Redeem { tokens_per_request } => {
            let sizes = tokens_per_request.map_or(vec![10, 1], |size| vec![size.clamp(1, 400)]);
            let mut reports = Vec::new();
            for size in sizes {
                reports.push(cases::redeem(engines, size, rounds).await?);
            }
            reports
        }
        Bench::Vote => vec![cases::vote(engines, rounds).await?],
        #[cfg(feature = "engines")]
        Bench::Relay => vec![pipes::relay(rounds).await?],
        #[cfg(feature = "engines")]
        Bench::Tally => vec![pipes::tally(rounds).await?],
        Bench::StarRecover { chart } => {
            return lines(&star::recover(rounds, cli.json, chart.as_deref())?);
        }
        Bench::StarAggregate {
            messages,
            chart,
            keep,
        } => {
            let plan = star::Plan {
                messages,
                rounds,
                engines,
                kept: keep,
                json: cli.json,
            };
            return lines(&match chart {
                None => star::aggregate(&plan).await?,
                Some(file) => star::chart(&file, &plan).await?,
            });
        }
        Bench::StarCollect { chart } => {
            return lines(&star::collect(rounds, cli.json, chart.as_deref()).await?);
        }
        Bench::StarServe {
            server,
            dir,
            pause_ms,
        } => {
            let pause = Duration::from_millis(pause_ms);
            return star::serve_star(server, &dir, pause).await;
        }
        Bench::StarRun { file } => return star::run_aggregator(&file).await,
        Bench::Curve {
            file,
            embedded_only,
        } => return curve::draw(&file, embedded_only).await,
        Bench::Serve { service, file } => return server::serve(service, &file).await,
        #[cfg(feature = "engines")]
        Bench::Task { task, file } => return tasks::run(task, &file).await,
    };
    print(&reports, cli.json)
}

fn lines(lines: &[String]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in lines {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn print(reports: &[Report], json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if !json {
        writeln!(out, "{}", machine::describe())?;
    }
    for report in reports {
        let line = if json { report.json()? } else { report.text() };
        writeln!(out, "{line}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &str) -> Result<(), String> {
        let cli = Cli::try_parse_from(words.split(' ')).unwrap();
        cli.check().map_err(|error| error.to_string())
    }

    #[test]
    fn a_benchmark_on_files_alone_refuses_real_engines_and_says_what_to_do() {
        for bench in ["star-collect", "star-recover"] {
            let refused = check(&format!("blindtally-bench {bench} --engines real")).unwrap_err();
            assert!(refused.contains(bench), "{refused}");
            assert!(refused.contains("leave `--engines real` out"), "{refused}");
            check(&format!("blindtally-bench {bench} --engines embedded")).unwrap();
        }
        for bench in ["issue", "star-aggregate"] {
            check(&format!("blindtally-bench {bench} --engines real")).unwrap();
        }
    }
}
