//! `blindtally-bench issue|redeem|vote`: prints a line for each benchmark.

use std::{io::Write as _, path::PathBuf};

use blindtally::system::ServiceName;
use blindtally_bench::{cases, machine, server};
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
    /// Runs one service on a folder: what the benchmarks start and measure.
    #[command(hide = true)]
    Serve {
        /// The service.
        service: String,
        /// The folder of the system.
        folder: PathBuf,
    },
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    // What is measured runs as in its own program.
    let runtime = match &cli.bench {
        Bench::Serve { service, .. } if service == "challenge-bypass" => {
            service_kit::runtime::for_arithmetic()?
        }
        Bench::Issue | Bench::Redeem { .. } | Bench::Serve { .. } | Bench::Vote => {
            tokio::runtime::Runtime::new()?
        }
    };
    runtime.block_on(run(cli))
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    anyhow::ensure!(cli.rounds > 0, "there must be a round");
    let reports = match cli.bench {
        Bench::Issue => vec![cases::issue(cli.rounds).await?],
        Bench::Redeem { tokens_per_request } => {
            let sizes = tokens_per_request.map_or(vec![10, 1], |size| vec![size.clamp(1, 400)]);
            let mut reports = Vec::new();
            for size in sizes {
                reports.push(cases::redeem(size, cli.rounds).await?);
            }
            reports
        }
        Bench::Vote => vec![cases::vote(cli.rounds).await?],
        Bench::Serve { service, folder } => {
            let name = ServiceName::ALL
                .into_iter()
                .find(|name| name.as_str() == service);
            let name = name.ok_or_else(|| anyhow::anyhow!("there is no service {service}"))?;
            return server::serve(name, &folder).await;
        }
    };
    let mut out = std::io::stdout().lock();
    if !cli.json {
        writeln!(out, "{}", machine::describe())?;
    }
    for report in reports {
        let line = if cli.json {
            report.json()?
        } else {
            report.text()
        };
        writeln!(out, "{line}")?;
    }
    Ok(())
}
