//! The whole system as a program: reads the command line, and nothing more.

use blindtally::up;
use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

/// Anonymous votes, from the money to the payout, on one machine.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prints the completions of a shell.
    Completions {
        /// Which shell.
        shell: Shell,
    },
    /// Runs the whole system until ctrl-c, and keeps everything in one folder.
    Up(up::UpArgs),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Completions { shell } => {
            let mut out = std::io::stdout();
            clap_complete::generate(shell, &mut Cli::command(), "blindtally", &mut out);
            Ok(())
        }
        Command::Up(args) => up::run(&args).await,
    }
}
