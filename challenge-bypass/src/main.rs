//! The command line of challenge-bypass.

use std::{io::Write as _, path::PathBuf};

use challenge_bypass::{Config, Deps, Rules, build, config, doctor, open_store, rewrap, store};
use clap::{CommandFactory as _, Parser, Subcommand};
use service_kit::{config::command_line, secret::SecretFile, telemetry};

/// Issuers and their keys, signing, and the redemption registry.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write completions for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Look at everything that challenge-bypass needs, and say in one line each what is right or what to do.
    ///
    /// Certificates and their days left, the database and the role's privileges, tables, clocks, whether the signing
    /// keys open. It changes nothing, may run beside the service, and ends with 1 if something is wrong.
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
    /// Seal all signing keys under the current key-encryption key.
    Rewrap,
    /// Serve (the default).
    Serve,
}

fn main() -> anyhow::Result<()> {
    service_kit::runtime::for_arithmetic()?.block_on(run())
}

async fn run() -> anyhow::Result<()> {
    let (cli, sources) = command_line::<Cli>(config::SERVICE, config::DEFAULTS)?;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Completions { shell } => {
            let mut cli = Cli::command();
            clap_complete::generate(shell, &mut cli, config::SERVICE, &mut std::io::stdout());
            Ok(())
        }
        Command::Doctor { json } => {
            let clock = clock::Clock::system();
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
            let store = open_store(&config, Rules::default()).await?;
            let replaced = rewrap::rewrap(&*store, &rewrap::sealer(&config.keys)?).await?;
            store.close().await;
            writeln!(
                std::io::stdout(),
                "{replaced} signing keys were sealed anew"
            )?;
            Ok(())
        }
        Command::Serve => {
            let config: Config = sources.load()?;
            telemetry::init(&config.log_level)?;
            build(config, Deps::system())
                .await?
                .run_until_signal()
                .await
        }
    }
}
