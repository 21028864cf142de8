//! Backups, and disks that are lost.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use blindtally::system;
use secrecy::ExposeSecret as _;
use tokio::process::Command;
use url::Url;

use crate::{
    database::Database,
    engines,
    stores::{Stores, database_of},
};

/// A database's file, and what SQLite keeps beside it.
const PARTS: [&str; 3] = ["", "-wal", "-shm"];

/// A database of which copies are kept. Nobody has it open meanwhile.
pub(crate) enum Place<'a> {
    /// A schema in PostgreSQL.
    Engine(&'a system::Database),
    /// A file.
    File(PathBuf),
}

impl Place<'_> {
    /// Keeps a copy in a file, beside which there may be more.
    pub(crate) async fn back_up(&self, copy: &Path) -> anyhow::Result<()> {
        let database = match self {
            Self::File(file) => return copy_file(file, copy),
            Self::Engine(database) => database,
        };
        let mut dump = Command::new("pg_dump");
        dump.args(["--format=custom", "--schema", schema(database)?]);
        dump.arg("--file").arg(copy).arg(plain_url(database)?);
        run(dump).await
    }

    /// Puts the copy in its place.
    pub(crate) async fn restore(&self, copy: &Path) -> anyhow::Result<()> {
        let database = match self {
            Self::File(file) => {
                lose_file(file)?;
                return copy_file(copy, file);
            }
            Self::Engine(database) => database,
        };
        let mut owner = Database::of_url(database.url_of_owner()?.expose_secret()).await?;
        let drop = format!("DROP SCHEMA {} CASCADE", schema(database)?);
        owner.run(&drop).await?;
        let mut restore = Command::new("pg_restore");
        restore.args(["--exit-on-error", "--dbname"]);
        restore.arg(plain_url(database)?).arg(copy);
        run(restore).await
    }
}

impl Stores {
    /// Keeps a copy of a database whose service is stopped.
    pub async fn back_up(&self, name: &str) -> anyhow::Result<()> {
        self.place(name)?.back_up(&self.copy_of(name)).await
    }

    /// Puts the copy of a database in its place.
    pub async fn restore(&self, name: &str) -> anyhow::Result<()> {
        self.place(name)?.restore(&self.copy_of(name)).await
    }

    /// Takes the event log away, as if its disks were lost; who needs it finds an empty one.
    pub async fn lose_log(&self) -> anyhow::Result<()> {
        match &self.engines {
            None => lose_file(&self.dir.join("event-log.db")),
            Some(engines) => engines::make_topics_anew(engines).await,
        }
    }

    fn place(&self, name: &str) -> anyhow::Result<Place<'_>> {
        Ok(match &self.engines {
            None => Place::File(self.dir.join(name)),
            Some(engines) => Place::Engine(database_of(engines, name)?),
        })
    }

    fn copy_of(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.copy"))
    }
}

/// Copies a database's file with what is beside it.
fn copy_file(from: &Path, to: &Path) -> anyhow::Result<()> {
    for end in PARTS {
        if part(from, end).exists() {
            fs::copy(part(from, end), part(to, end))?;
        }
    }
    Ok(())
}

fn lose_file(file: &Path) -> anyhow::Result<()> {
    for end in PARTS {
        if part(file, end).exists() {
            fs::remove_file(part(file, end))?;
        }
    }
    Ok(())
}

fn part(file: &Path, end: &str) -> PathBuf {
    let mut part = file.as_os_str().to_owned();
    part.push(end);
    part.into()
}

fn schema(database: &system::Database) -> anyhow::Result<&str> {
    let schema = database.schema();
    schema.context("a system for tests has a schema of its own")
}

/// The owner's URL without what only our driver understands.
fn plain_url(database: &system::Database) -> anyhow::Result<String> {
    let mut url: Url = database.url_of_owner()?.expose_secret().parse()?;
    let pairs = url.query_pairs().into_owned();
    let pairs: Vec<_> = pairs
        .filter(|(key, _)| !key.starts_with("options"))
        .collect();
    url.query_pairs_mut().clear().extend_pairs(pairs);
    Ok(url.into())
}

async fn run(mut program: Command) -> anyhow::Result<()> {
    let output = program.output().await?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{said}");
    Ok(())
}
