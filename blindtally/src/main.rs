//! The whole system as a program: reads the command line, and nothing more.

use std::process::ExitCode;

use blindtally::{demo, up};
use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

/// Anonymous votes, from the money to the payout, on one machine.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one of them, read once")]
enum Command {
    /// Prints the completions of a shell.
    Completions {
        /// Which shell.
        shell: Shell,
    },
    /// Runs a month of the whole system, which is also what happens without a command.
    Demo(demo::DemoArgs),
    /// Runs the whole system until ctrl-c, and keeps everything in one folder.
    Up(up::UpArgs),
    /// Buys vote tokens, and votes: the `wallet` program.
    Wallet(client::cli::Args),
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let command = Cli::parse().command;
    match command.unwrap_or(Command::Demo(demo::DemoArgs::default())) {
        Command::Completions { shell } => {
            let mut out = std::io::stdout();
            clap_complete::generate(shell, &mut Cli::command(), "blindtally", &mut out);
            Ok(ExitCode::SUCCESS)
        }
        Command::Demo(args) => {
            let report = demo::run(&args).await?;
            Ok(ExitCode::from(report.exit_code()))
        }
        Command::Up(args) => up::run(&args).await.map(|()| ExitCode::SUCCESS),
        Command::Wallet(args) => {
            client::cli::run(&args.options, args.command).await?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
