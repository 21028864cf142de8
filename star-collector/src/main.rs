//! The command line of star-collector: each of its parts is a program of its own, with settings of its own.

use std::ffi::OsString;

use clap::{Args, Parser, Subcommand};

/// Collects anonymous measurements: only what at least k clients agree on can be opened.
///
/// Its parts run on different machines, and share neither settings nor databases: whoever can ask the randomness
/// service in an open epoch can try values against messages, so the aggregator's machines must have no way to it.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// Turn the messages of a channel into measurements.
    #[command(disable_help_flag = true)]
    Aggregate(Rest),
    /// Take messages from clients, and keep each in the topic of its channel.
    #[command(disable_help_flag = true)]
    Collect(Rest),
    /// Evaluate the PPOPRF for clients, and puncture an epoch's key when it is over.
    #[command(disable_help_flag = true)]
    Randomness(Rest),
}

/// What the part's own command line reads, `--help` too.
#[derive(Args, Debug)]
struct Rest {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Cli::parse().part {
        Part::Aggregate(Rest { arguments }) => star_collector::aggregate::program(arguments).await,
        Part::Collect(Rest { arguments }) => star_collector::collect::program(arguments).await,
        Part::Randomness(Rest { arguments }) => {
            star_collector::randomness::program(arguments).await
        }
    }
}
