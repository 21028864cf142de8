//! The command line of collect.

use std::{ffi::OsString, iter};

use clap::{Parser, Subcommand};
use service_kit::{config::command_line_of, telemetry};

use super::{Deps, build, config};

/// What the command line is called.
const NAME: &str = "star-collector collect";

/// Take messages from clients over HTTPS, and keep each in the topic of its channel.
///
/// Whoever is answered 204 has its message in the event log, whatever dies afterwards. Several processes may serve the
/// same channels.
#[derive(Debug, Parser)]
#[command(name = NAME, version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Command {
    /// Serve (the default).
    Serve,
}

/// Runs the command line.
pub async fn program(arguments: Vec<OsString>) -> anyhow::Result<()> {
    let words = iter::once(NAME.into()).chain(arguments);
    let (cli, sources) = command_line_of::<Cli>(config::SERVICE, config::DEFAULTS, words)?;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => {
            let config: config::Config = sources.load()?;
            telemetry::init(&config.log_level)?;
            build(config, Deps::system())
                .await?
                .run_until_signal()
                .await
        }
    }
}
