//! The program: reads the command line, and serves or does what an operator asks for.

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use messages::{FundingSource, money::Amount};
use payments::{Config, Deps, NAME, Rules, commands, config::DEFAULTS, doctor};
use service_kit::{config::command_line, telemetry};

/// Sells anonymous vote tokens and takes the votes that spend them.
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
    /// Prints the public half of the directory key, which tally and browsers are told.
    DirectoryKey,
    /// Looks at everything that payments needs, and says in one line each what is right or what to do.
    ///
    /// Connections, certificates and their days left, the roles' privileges, topics and permissions, tables, clocks,
    /// positions. It changes nothing, may run beside the service, and ends with 1 if something is wrong.
    Doctor {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Manages what payments says that it received.
    #[command(subcommand)]
    Funds(Funds),
    /// Makes the tables, or brings them up to date, as the roles of the `owner_url`s.
    ///
    /// A service on PostgreSQL serves only when its tables are up to date; on SQLite it does this itself.
    Migrate,
    /// Manages what waits to be published.
    #[command(subcommand)]
    Outbox(Outbox),
    /// Prints what an operator has to know: orders, funds, and money that pays for nothing.
    Report {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Serves until SIGTERM or ctrl-c (the default).
    Serve,
    /// Manages what is sold.
    #[command(subcommand)]
    Sku(Sku),
    /// Manages money that pays for nothing.
    #[command(subcommand)]
    Surplus(Surplus),
    /// Manages what may still arrive.
    #[command(subcommand)]
    Transfers(Transfers),
}

#[derive(Debug, Subcommand)]
enum Funds {
    /// States how many votes were sold since the beginning, after a restore that lost orders or redemptions.
    ///
    /// Know before: how many that is, of this source and value, by `payments report` and, for the orders that are
    /// lost, by the custodians' statements. Each counts as paid for, so never state more than was received. It is
    /// refused when more was signed than that. Restoring a later state of the orders' database is better, if there is
    /// one: the lost orders do not come back, and those who had not fetched their tokens must be given their money.
    ///
    /// Stop payments first, give its outbox a new generation (`outbox new-generation funds`), and leave
    /// challenge-bypass running. tally closes no month until its operator has accepted: see `tally funds list`.
    Restate {
        /// Of which funding source: anonymous-card or user-wallet.
        source: FundingSource,
        /// Of which vote value, such as 0.25.
        value: Amount,
        /// How many votes were sold since the beginning.
        votes_sold: u64,
    },
}

#[derive(Debug, Subcommand)]
enum Outbox {
    /// Begins a new life of an outbox: mandatory after its database or the event log was restored.
    NewGeneration {
        /// Which one.
        outbox: commands::OutboxName,
    },
}

#[derive(Debug, Subcommand)]
enum Sku {
    /// Prints the SKU token of a configured SKU, under the first root secret.
    Mint {
        /// The SKU's name.
        name: String,
    },
}

#[derive(Debug, Subcommand)]
enum Surplus {
    /// Forgets one row of surplus, once it was returned to whoever paid it.
    Returned {
        /// The row, as the report names it.
        row: uuid::Uuid,
    },
}

#[derive(Debug, Subcommand)]
enum Transfers {
    /// Asks about the open transfers that the report lists: what has arrived meanwhile becomes surplus.
    Ask,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (cli, sources) = command_line::<Cli>(NAME, DEFAULTS)?;
    if let Some(Command::Completions { shell }) = cli.command {
        clap_complete::generate(shell, &mut Cli::command(), NAME, &mut std::io::stdout());
        return Ok(());
    }
    let config: Config = sources.load()?;
    telemetry::init(&config.log)?;
    match cli.command {
        Some(Command::DirectoryKey) => commands::directory_key(&config),
        Some(Command::Doctor { json }) => {
            let clock = clock::Clock::system();
            doctor::examine(&config, &clock).await.print(json)
        }
        Some(Command::Funds(Funds::Restate {
            source,
            value,
            votes_sold,
        })) => {
            let clock = clock::Clock::system();
            commands::restate(&config, clock, (source, value), votes_sold).await
        }
        Some(Command::Migrate) => commands::migrate(&config).await,
        Some(Command::Outbox(Outbox::NewGeneration { outbox })) => {
            commands::new_generation(&config, outbox).await
        }
        Some(Command::Report { json }) => commands::report(&config, json).await,
        Some(Command::Sku(Sku::Mint { name })) => commands::mint(&config, &name),
        Some(Command::Surplus(Surplus::Returned { row })) => commands::returned(&config, row).await,
        Some(Command::Transfers(Transfers::Ask)) => {
            commands::ask(&config, clock::Clock::system()).await
        }
        Some(Command::Completions { .. } | Command::Serve) | None => {
            let deps = Deps {
                clock: clock::Clock::system(),
                rules: Rules::default(),
            };
            payments::build(config, deps)
                .await?
                .run_until_signal()
                .await
        }
    }
}
