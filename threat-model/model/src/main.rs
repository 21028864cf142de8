//! Explores the model and says what it found: `cargo run -p vote-model --release -- --tokens 2,1`.

#![expect(clippy::print_stdout, reason = "the report is this program's output")]

use std::{process::ExitCode, time::Instant};

use clap::Parser;
use vote_model::{Fault, Pipeline, Scenario, explore};

/// Explores the vote pipeline over its whole state space.
#[derive(Debug, Parser)]
struct Options {
    /// How many tokens each client has: one or two each, four in all.
    #[arg(long, default_value = "2,1")]
    tokens: Scenario,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let started = Instant::now();

    let found = explore(Pipeline {
        scenario: options.tokens,
        fault: Fault::None,
    });

    println!(
        "{} states, depth {}, {} s, {} MiB",
        found.states,
        found.depth,
        started.elapsed().as_secs(),
        peak_mebibytes().map_or_else(|| "?".to_owned(), |size| size.to_string()),
    );
    for (property, steps) in &found.broken {
        println!("broken: {property}\n  {}", steps.join("\n  "));
    }
    if !found.works {
        println!("broken: no run counts every token");
    }
    if found.broken.is_empty() && found.works {
        println!("no token counted twice, no accepted vote lost, no event without redemption");
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The most memory this process had, where the system tells it.
fn peak_mebibytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes / 1024)
}
