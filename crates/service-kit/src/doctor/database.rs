//! A database: whether it can be reached, has the tables that the program knows, and lets its role do what it must
//! and no more.

use std::path::Path;

use anyhow::{Context as _, ensure};
use clock::Clock;
use sqlx::{ConnectOptions as _, Row as _, migrate::Migrator, sqlite::SqliteConnectOptions};

use super::{Report, files};
use crate::db::{self, Engine, Schema};

#[cfg(feature = "postgres")]
mod postgres;

/// A database of a service.
#[derive(Clone, Copy, Debug)]
pub struct DatabaseOf<'a> {
    /// What it is called in the report.
    pub what: &'a str,
    /// Where it is.
    pub url: &'a str,
    /// Its tables.
    pub schema: Schema,
}

/// Looks at a database. Answers whether it can be opened and stays as it is.
pub async fn database(report: &mut Report, database: DatabaseOf<'_>, clock: &Clock) -> bool {
    match Engine::of(database.url) {
        Ok(Engine::Sqlite) => sqlite(report, database).await,
        Ok(Engine::Postgres) => in_postgres(report, database, clock).await,
        Err(error) => report.note(database.what, Err(error.into())),
    }
}

#[cfg(feature = "postgres")]
async fn in_postgres(report: &mut Report, database: DatabaseOf<'_>, clock: &Clock) -> bool {
    postgres::look(report, database, clock).await
}

#[cfg(not(feature = "postgres"))]
#[expect(clippy::unused_async, reason = "with PostgreSQL it waits")]
async fn in_postgres(report: &mut Report, database: DatabaseOf<'_>, _clock: &Clock) -> bool {
    report.note(database.what, Err(db::NoEngine::NotBuilt.into()))
}

async fn sqlite(report: &mut Report, database: DatabaseOf<'_>) -> bool {
    let DatabaseOf { what, url, schema } = database;
    let Ok(options) = url.parse::<SqliteConnectOptions>() else {
        return report.note(what, Err(db::OpenError::Url.into()));
    };
    let file = options.get_filename().to_owned();
    files::room(report, what, &file);
    files::database_file(report, what, &file)
        && tables(report, what, &file, &db::migrator(schema.sqlite)).await
}

/// The tables of an SQLite file, which is only read. Answers whether they are the ones that the program knows: whoever
/// opens older ones would change them.
pub(super) async fn tables(
    report: &mut Report,
    what: &str,
    file: &Path,
    migrator: &Migrator,
) -> bool {
    let found = applied(file).await;
    let known: Vec<Vec<u8>> = migrator.iter().map(|one| one.checksum.to_vec()).collect();
    let is_current = found.as_ref().is_ok_and(|found| *found == known);
    let look = || {
        let found = found.with_context(|| format!("{} cannot be read", file.display()))?;
        ensure!(
            known.starts_with(&found),
            "the tables are newer than this program, or altered: run the program that made them, or put a backup back"
        );
        let next = if is_current {
            "which this program knows"
        } else {
            "brought up to date at the next start"
        };
        Ok(format!("version {}, {next}", found.len()))
    };
    report.note(format!("{what}: tables"), look());
    is_current
}

async fn applied(file: &Path) -> sqlx::Result<Vec<Vec<u8>>> {
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    let mut connection = options.connect().await?;
    let rows = sqlx::query("SELECT checksum FROM _sqlx_migrations WHERE success ORDER BY version")
        .fetch_all(&mut connection)
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
