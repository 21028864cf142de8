//! Backups, and disks that are lost.

use std::{fs, path::PathBuf};

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

impl Stores {
    /// Keeps a copy of a database whose service is stopped.
    pub async fn back_up(&self, name: &str) -> anyhow::Result<()> {
        let copy = self.dir.join(format!("{name}.copy"));
        let Some(engines) = &self.engines else {
            for end in PARTS {
                if self.part(name, end).exists() {
                    fs::copy(self.part(name, end), self.copy_of(name, end))?;
                }
            }
            return Ok(());
        };
        let database = database_of(engines, name)?;
        let mut dump = Command::new("pg_dump");
        dump.args(["--format=custom", "--schema", schema(database)?]);
        dump.arg("--file").arg(copy).arg(plain_url(database)?);
        run(dump).await
    }

    /// Puts the copy of a database in its place.
    pub async fn restore(&self, name: &str) -> anyhow::Result<()> {
        let copy = self.dir.join(format!("{name}.copy"));
        let Some(engines) = &self.engines else {
            self.lose_file(name)?;
            for end in PARTS {
                if self.copy_of(name, end).exists() {
                    fs::copy(self.copy_of(name, end), self.part(name, end))?;
                }
            }
            return Ok(());
        };
        let database = database_of(engines, name)?;
        let mut owner = Database::of_url(database.url_of_owner()?.expose_secret()).await?;
        let drop = format!("DROP SCHEMA {} CASCADE", schema(database)?);
        owner.run(&drop).await?;
        let mut restore = Command::new("pg_restore");
        restore.args(["--exit-on-error", "--dbname"]);
        restore.arg(plain_url(database)?).arg(copy);
        run(restore).await
    }

    /// Takes the event log away, as if its disks were lost; who needs it finds an empty one.
    pub async fn lose_log(&self) -> anyhow::Result<()> {
        match &self.engines {
            None => self.lose_file("event-log.db"),
            Some(engines) => engines::make_topics_anew(engines).await,
        }
    }

    fn lose_file(&self, name: &str) -> anyhow::Result<()> {
        for end in PARTS {
            if self.part(name, end).exists() {
                fs::remove_file(self.part(name, end))?;
            }
        }
        Ok(())
    }

    fn part(&self, name: &str, end: &str) -> PathBuf {
        self.dir.join(format!("{name}{end}"))
    }

    fn copy_of(&self, name: &str, end: &str) -> PathBuf {
        self.dir.join(format!("{name}{end}.copy"))
    }
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
