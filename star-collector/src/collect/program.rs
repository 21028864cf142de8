//! The command line of collect.

use std::{ffi::OsString, iter};

use clap::{Parser, Subcommand};
use clock::Clock;
use service_kit::{config::command_line_of, telemetry};

use crate::Deps;

use super::{build, config, doctor};

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
    /// Look at everything that collect needs, and say in one line each what is right or what to do.
    ///
    /// Certificates and their days left, the channels with their current epochs, the event log's file or brokers, and
    /// what the access list allows. It changes nothing, may run beside the service, and ends with 1 if something is
    /// wrong.
    Doctor {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Serve (the default).
    Serve,
}

/// Runs the command line.
pub async fn program(arguments: Vec<OsString>) -> anyhow::Result<()> {
    let words = iter::once(NAME.into()).chain(arguments);
    let (cli, sources) = command_line_of::<Cli>(config::SERVICE, config::DEFAULTS, words)?;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Doctor { json } => {
            let clock = Clock::system();
            doctor::examine(&sources.load()?, &clock).await.print(json)
        }
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
