//! `wallet`: buys vote tokens and votes, from the command line. Reads that line, and nothing more.

use clap::{CommandFactory as _, Parser, Subcommand};
use client::cli;

/// Buys vote tokens, and votes.
#[derive(Debug, Parser)]
#[command(version, after_help = cli::STEPS)]
struct Program {
    #[command(flatten)]
    options: cli::Options,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one of them, read once")]
enum Command {
    /// Prints a completion script.
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
    #[command(flatten)]
    Wallet(cli::Command),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let Program { options, command } = Program::parse();
    match command {
        Command::Completions { shell } => {
            let mut out = std::io::stdout();
            clap_complete::generate(shell, &mut Program::command(), "wallet", &mut out);
            Ok(())
        }
        Command::Wallet(command) => cli::run(&options, command).await,
    }
}
