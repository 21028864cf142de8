//! The sandbox custodian as a program: reads the command line, and serves until a signal.

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use sandbox_custodian::{Config, Deps, config};
use service_kit::{config::command_line, telemetry};

/// A custodian for tests and demos: it speaks Uphold's and Gemini's HTTP, and has no real money.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prints the completions of a shell.
    Completions {
        /// Which shell.
        shell: Shell,
    },
    /// Serves until SIGTERM or ctrl-c (the default).
    Serve,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (cli, sources) = command_line::<Cli>("sandbox-custodian", config::DEFAULTS)?;
    match cli.command {
        Some(Command::Completions { shell }) => {
            let mut out = std::io::stdout();
            clap_complete::generate(shell, &mut Cli::command(), "sandbox-custodian", &mut out);
            Ok(())
        }
        Some(Command::Serve) | None => {
            let config: Config = sources.load()?;
            telemetry::init(&config.log)?;
            let deps = Deps {
                clock: clock::Clock::system(),
            };
            let (service, _sandbox) = sandbox_custodian::build(config, deps)?;
            service.run_until_signal().await
        }
    }
}
