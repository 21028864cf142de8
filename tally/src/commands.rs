//! The commands besides `serve`.

use std::{
    io::{Write as _, stdout},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use clap::CommandFactory as _;
use clock::Clock;
use service_kit::{outbox::new_generation as new_generation_of, secret::SecretFile};
use tally::{
    Config, Deps,
    domain::{HeadKey, LedgerHead, RecordMark, funds::Line},
    open, open_store,
    rewind::{Rewound, rewind as rewind_positions},
    store::{self, Restatement},
    verify::verify as recompute,
};

use crate::Cli;

/// The largest head that is read from a file.
const HEAD_BYTES_MAX: u64 = 4_096;

pub(crate) fn completions(shell: clap_complete::Shell) {
    clap_complete::generate(
        shell,
        &mut Cli::command(),
        tally::config::SERVICE,
        &mut stdout(),
    );
}

pub(crate) fn new_head_key(file: PathBuf) -> anyhow::Result<()> {
    let file = SecretFile::new(file);
    file.create_key()?;
    writeln!(
        stdout(),
        "public key: {}",
        HeadKey::read(&file)?.public_key()
    )?;
    Ok(())
}

pub(crate) async fn migrate(config: &Config) -> anyhow::Result<()> {
    store::migrate(config.database.migrate_url()).await?;
    writeln!(stdout(), "the tables are up to date")?;
    Ok(())
}

pub(crate) async fn close(config: &Config) -> anyhow::Result<()> {
    let parts = open(config, &Deps::system()).await?;
    let (closed, not_yet) = parts.closer.close_due().await?;
    for month in closed {
        writeln!(stdout(), "closed {month}")?;
    }
    writeln!(stdout(), "nothing more to close: {not_yet}")?;
    Ok(())
}

pub(crate) async fn new_generation(config: &Config) -> anyhow::Result<()> {
    let parts = open(config, &Deps::system()).await?;
    let published = new_generation_of(&*parts.store.outbox(), &*parts.log, tally::LINE).await?;
    writeln!(
        stdout(),
        "the log has {published} records of the old generation"
    )?;
    Ok(())
}

pub(crate) async fn rewind(config: &Config) -> anyhow::Result<()> {
    let parts = open(config, &Deps::system()).await?;
    for Rewound {
        place,
        before,
        start,
        end,
    } in rewind_positions(&parts).await?
    {
        writeln!(
            stdout(),
            "{}/{}: the old log was read up to {before}; reading goes on at {start}, and the log ends at {end}",
            place.topic,
            place.partition
        )?;
    }
    Ok(())
}

pub(crate) async fn head(config: &Config) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    let head = store.head().await?.context("no head was signed yet")?;
    writeln!(stdout(), "{}", serde_json::to_string_pretty(&head)?)?;
    Ok(())
}

pub(crate) async fn list_restatements(config: &Config) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    for Restatement { mark, totals } in store.restatements().await? {
        let (source, value) = totals.line;
        writeln!(
            stdout(),
            "{source} {value} {mark}: by {} received {} {}, sold {} votes",
            totals.day,
            totals.received,
            totals.currency,
            totals.votes_sold
        )?;
    }
    Ok(())
}

pub(crate) async fn accept(config: &Config, line: Line, mark: RecordMark) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    let today = Clock::system().today();
    if !store.accept_restatement(line, mark, today).await? {
        bail!(
            "no restated totals of {} ({}) with this mark wait",
            line.0,
            line.1
        );
    }
    writeln!(stdout(), "accepted")?;
    Ok(())
}

pub(crate) async fn reject(config: &Config, line: Line, mark: RecordMark) -> anyhow::Result<()> {
    let store = open_store(config).await?;
    if !store.reject_restatement(line, mark).await? {
        bail!(
            "no restated totals of {} ({}) with this mark wait",
            line.0,
            line.1
        );
    }
    writeln!(stdout(), "rejected")?;
    Ok(())
}

pub(crate) async fn verify(config: &Config, files: &[PathBuf]) -> anyhow::Result<()> {
    let kept = files
        .iter()
        .map(|file| read_head(file))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let key = HeadKey::read(&config.ledger.head_key_file)?.public_key();
    let store = open_store(config).await?;
    let verified = recompute(&*store, &key, &kept).await?;
    writeln!(
        stdout(),
        "verified: {} entries, {} signed heads, {} heads of the key directory, {} heads from files",
        verified.entries,
        verified.heads,
        verified.witnessed,
        kept.len()
    )?;
    Ok(())
}

fn read_head(file: &Path) -> anyhow::Result<LedgerHead> {
    let size = std::fs::metadata(file)
        .with_context(|| file.display().to_string())?
        .len();
    anyhow::ensure!(
        size <= HEAD_BYTES_MAX,
        "{} is too long for a head",
        file.display()
    );
    let text = std::fs::read_to_string(file)?;
    serde_json::from_str(&text).with_context(|| format!("{} holds no head", file.display()))
}
