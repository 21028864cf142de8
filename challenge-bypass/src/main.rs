//! The command line of challenge-bypass.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use challenge_bypass::{
    Config, Deps, Rules, after_restore::after_restore, build, config, doctor, open_issuers,
    open_store, rewrap, store,
};
use clap::{CommandFactory as _, Parser, Subcommand};
use messages::directory::Directory;
use service_kit::{config::command_line, secret::SecretFile, telemetry};

/// The largest directory that is read from a file: ten thousands of entries.
const DIRECTORY_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Issuers and their keys, signing, and the redemption registry.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Revoke the keys whose tokens could be spent again, after the registry was restored from a backup.
    ///
    /// Know before: tokens of these keys that were not spent yet are worth nothing from then on; so are votes whose
    /// tokens were redeemed and which payments had not recorded. Restore a later state instead, if there is one. All
    /// keys that sign or redeem now are revoked, and each issuer gets its next key, which signs after the usual notice.
    ///
    /// Run it before challenge-bypass is started on the restored database, and name the key directory as payments shows
    /// it: keys that were added after the backup are put back from it, without their secrets. Afterwards, state the
    /// funds anew with `payments funds restate`, since fewer redemptions are known here than were reported.
    AfterRestore {
        /// A file with what payments answers to GET /v1/key-directory.
        directory: PathBuf,
    },
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
        Command::AfterRestore { directory } => {
            let published = read_directory(&directory)?;
            let issuers = open_issuers(&sources.load()?, &Deps::system()).await?;
            for key in after_restore(&issuers, &published.entries).await? {
                writeln!(std::io::stdout(), "revoked {key}")?;
            }
            issuers.store.close().await;
            writeln!(
                std::io::stdout(),
                "no token that was spent can be spent again"
            )?;
            Ok(())
        }
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

fn read_directory(file: &Path) -> anyhow::Result<Directory> {
    let name = || file.display().to_string();
    let size = fs::metadata(file).with_context(name)?.len();
    ensure!(
        size <= DIRECTORY_BYTES_MAX,
        "{} is too long for a key directory",
        name()
    );
    let text = fs::read_to_string(file).with_context(name)?;
    serde_json::from_str(&text).with_context(|| format!("{} holds no key directory", name()))
}
