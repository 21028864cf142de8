//! The command line of tally.

mod commands;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use clock::Clock;
use messages::{FundingSource, money::Amount};
use service_kit::{config::command_line, telemetry};
use tally::{Config, Deps, build, config, doctor, domain::RecordMark};

/// Counts votes, closes months, and keeps the ledger.
///
/// It reads what payments publishes, each event once, and answers over HTTPS what was counted, split
/// and booked.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read to the end of the log and close every month that is due.
    ///
    /// A month is due `closing.grace_days` after its end, once every funding source has a record of
    /// funds of its last day or a later one. Says why the next month does not close yet.
    Close,
    /// Write completions for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Look at everything that the tally needs, and say in one line each what is right or what to do.
    ///
    /// Connections, certificates and their days left, the role's privileges, topics and permissions, tables, clocks,
    /// positions. It changes nothing, may run beside the service, and ends with 1 if something is wrong.
    Doctor {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Look at restated funds, and accept or reject them.
    #[command(subcommand)]
    Funds(Funds),
    /// Print the last signed head, to be kept elsewhere.
    Head,
    /// Make the tables, or bring them up to date, as the role of `database.owner_url`.
    ///
    /// A service on PostgreSQL serves only when its tables are up to date; on SQLite it does this itself.
    Migrate,
    /// Make a new key for heads in a file that only its owner can read.
    NewHeadKey {
        /// The file, which must not exist.
        file: PathBuf,
    },
    /// Manage what waits to be published: dead letters, and copies of signed heads.
    #[command(subcommand)]
    Outbox(Outbox),
    /// Read the event log from its start: only when the log that was read is lost for good.
    ///
    /// Know before: how many votes the old log had that were not read (payments' `report` against the
    /// months here), since no one will count them; they were redeemed, and are paid to nobody. What was
    /// counted is known by its id and counts once, also when it comes again. Stop tally and payments first,
    /// and give their outboxes a new generation. It does nothing while the stored positions lie in the log.
    Rewind,
    /// Serve (the default).
    Serve,
    /// Recompute the ledger's chain and balances, and check every signed head.
    Verify {
        /// A head that was kept elsewhere, as `tally head` or GET /v1/ledger/head gave it.
        #[arg(long, value_name = "FILE")]
        head: Vec<PathBuf>,
    },
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Funds {
    /// Take restated totals in place of the known ones. The difference is booked.
    Accept {
        /// Of which funding source: anonymous-card or user-wallet.
        source: FundingSource,
        /// Of which vote value, such as 0.25.
        value: Amount,
        /// The mark that `funds list` shows with them.
        mark: RecordMark,
    },
    /// List restated totals that wait, each with a mark of its record.
    List,
    /// Drop restated totals: the known ones stay, and months close by them.
    Reject {
        /// Of which funding source: anonymous-card or user-wallet.
        source: FundingSource,
        /// Of which vote value, such as 0.25.
        value: Amount,
        /// The mark that `funds list` shows with them.
        mark: RecordMark,
    },
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Outbox {
    /// Begin a new life of the outbox: mandatory after the database or the event log was restored.
    NewGeneration,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (cli, sources) = command_line::<Cli>(config::SERVICE, config::DEFAULTS)?;
    let load = || -> anyhow::Result<Config> { Ok(sources.load()?) };
    match cli.command.unwrap_or(Command::Serve) {
        Command::Close => commands::close(&load()?).await,
        Command::Completions { shell } => {
            commands::completions(shell);
            Ok(())
        }
        Command::Doctor { json } => {
            let clock = Clock::system();
            doctor::examine(&load()?, &clock).await.print(json)
        }
        Command::Funds(Funds::Accept {
            source,
            value,
            mark,
        }) => commands::accept(&load()?, (source, value), mark).await,
        Command::Funds(Funds::Reject {
            source,
            value,
            mark,
        }) => commands::reject(&load()?, (source, value), mark).await,
        Command::Funds(Funds::List) => commands::list_restatements(&load()?).await,
        Command::Head => commands::head(&load()?).await,
        Command::Migrate => commands::migrate(&load()?).await,
        Command::NewHeadKey { file } => commands::new_head_key(file),
        Command::Outbox(Outbox::NewGeneration) => commands::new_generation(&load()?).await,
        Command::Rewind => commands::rewind(&load()?).await,
        Command::Serve => {
            let config = load()?;
            telemetry::init(&config.log_level)?;
            build(config, Deps::system())
                .await?
                .run_until_signal()
                .await
        }
        Command::Verify { head } => commands::verify(&load()?, &head).await,
    }
}
