//! The command line of `star-collector randomness`.

use std::{ffi::OsString, io::Write as _, path::PathBuf};

use clap::{Parser, Subcommand};
use clock::Clock;
use secrecy::ExposeSecret as _;
use service_kit::{config::command_line_of, secret::SecretFile, telemetry};

use super::{Config, build, config, doctor, rewrap, store};

/// Evaluates the PPOPRF for clients, and punctures an epoch's key when it is over.
#[derive(Debug, Parser)]
#[command(name = "star-collector randomness", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Look at everything that the service needs, and say in one line each what is right or what to do.
    ///
    /// Certificates and their days left, the schedule, the database and the role's privileges, tables, clocks, whether
    /// the keys open. It changes nothing, may run beside the service, and ends with 1 if something is wrong.
    Doctor {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Make the tables, or bring them up to date, as the role of `database.owner_url`.
    ///
    /// A service on PostgreSQL serves only when its tables are up to date; on SQLite it does this itself.
    Migrate,
    /// Make a new key-encryption key in a file that only its owner can read.
    NewSealingKey {
        /// The file, which must not exist.
        file: PathBuf,
    },
    /// Seal all keys under the current key-encryption key.
    Rewrap,
    /// Serve (the default).
    Serve,
}

/// Does what the arguments say, which follow `star-collector randomness`.
pub async fn program(arguments: Vec<OsString>) -> anyhow::Result<()> {
    let arguments = std::iter::once("star-collector randomness".into()).chain(arguments);
    let (cli, sources) = command_line_of::<Cli>(config::SERVICE, config::DEFAULTS, arguments)?;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Doctor { json } => {
            let clock = Clock::system();
            doctor::examine(&sources.load()?, &clock).await.print(json)
        }
        Command::Migrate => {
            let config: Config = sources.load()?;
            store::migrate(config.database.migrate_url()).await?;
            writeln!(std::io::stdout(), "the tables are up to date")?;
            Ok(())
        }
        Command::NewSealingKey { file } => Ok(SecretFile::new(file).create_key()?),
        Command::Rewrap => {
            let config: Config = sources.load()?;
            let store = store::open(config.database.url.expose_secret()).await?;
            let sealer = rewrap::sealer(&config.keys)?;
            let replaced = rewrap::rewrap(&*store, &sealer).await?;
            store.close().await;
            writeln!(std::io::stdout(), "{replaced} keys were sealed anew")?;
            Ok(())
        }
        Command::Serve => {
            let config: Config = sources.load()?;
            telemetry::init(&config.log_level)?;
            build(config, Clock::system())
                .await?
                .run_until_signal()
                .await
        }
    }
}
