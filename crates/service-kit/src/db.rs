//! Databases: SQLite by default, PostgreSQL in production.
//!
//! `sqlite` and `postgres` have the same few names, so that a store's statements are written once: its
//! file of statements is a module of `sqlite.rs` and of `postgres.rs`, each of which brings its engine's
//! names into it. Both engines take `$1` for a parameter. On both, transactions that write come one after
//! the other, so no statement needs to reckon with another writer.

use std::iter::zip;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sqlx::{
    SqlSafeStr as _,
    migrate::{Migration, MigrationType, Migrator},
};

pub mod packed;
pub mod sqlite;

#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "postgres")]
pub mod testing;

#[cfg(feature = "postgres")]
pub use postgres::Postgres;
pub use sqlite::{OpenError, Sqlite, SqliteTransaction};

/// The scripts that make the tables of one database, on each engine: each runs once, in order.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    /// In SQLite.
    pub sqlite: &'static [&'static str],
    /// In PostgreSQL.
    pub postgres: &'static [&'static str],
}

/// Migrations of `scripts`, which are numbered from 1.
///
/// `sqlx::migrate!` would find them by itself, and for that builds SQLite and its driver a second time.
pub fn migrator(scripts: &[&'static str]) -> Migrator {
    let migrations = zip(1.., scripts).map(|(number, script)| {
        let sql = script.into_sql_str();
        Migration::new(number, "tables".into(), MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(migrations.collect())
}

/// The section `[database]` of a service's settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSettings {
    /// The URL of the database, which may hold a password.
    pub url: SecretString,
    /// The URL as the role that owns the tables, for `migrate` only. Empty: `url`.
    pub owner_url: SecretString,
}

impl DatabaseSettings {
    /// The URL that `migrate` goes to.
    pub fn migrate_url(&self) -> &str {
        match self.owner_url.expose_secret() {
            "" => self.url.expose_secret(),
            owner => owner,
        }
    }
}

/// What keeps a database.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Engine {
    /// PostgreSQL, which a program has only if it is built with the feature `postgres`.
    Postgres,
    /// SQLite.
    Sqlite,
}

/// Why a URL leads to no database.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoEngine {
    /// The program has no PostgreSQL.
    #[error("this program is built without PostgreSQL: build it with `--features postgres`")]
    NotBuilt,
    /// No engine has such URLs.
    #[error("the database URL begins neither with sqlite: nor with postgres://")]
    Url,
}

impl Engine {
    /// The engine that `url` names.
    pub fn of(url: &str) -> Result<Self, NoEngine> {
        match url.split_once(':') {
            Some(("postgres", _)) => Ok(Self::Postgres),
            Some(("sqlite", _)) => Ok(Self::Sqlite),
            _ => Err(NoEngine::Url),
        }
    }
}

/// Brings the tables at `url` up to date. In PostgreSQL, `url` is that of the role which owns them; whoever opens
/// an SQLite file may make its tables.
pub async fn migrate(url: &str, schema: Schema) -> anyhow::Result<()> {
    match Engine::of(url)? {
        Engine::Postgres => migrate_postgres(url, &migrator(schema.postgres)).await,
        Engine::Sqlite => {
            let tables = migrator(schema.sqlite);
            Sqlite::open(url, &tables).await?.close().await;
            Ok(())
        }
    }
}

#[cfg(feature = "postgres")]
async fn migrate_postgres(url: &str, migrator: &Migrator) -> anyhow::Result<()> {
    Ok(postgres::migrate(url, migrator).await?)
}

#[cfg(not(feature = "postgres"))]
#[expect(clippy::unused_async, reason = "with PostgreSQL it waits")]
async fn migrate_postgres(_url: &str, _migrator: &Migrator) -> anyhow::Result<()> {
    Err(NoEngine::NotBuilt.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_its_engine() {
        assert_eq!(Engine::of("sqlite:/a.db"), Ok(Engine::Sqlite));
        assert_eq!(Engine::of("postgres://a@b/c"), Ok(Engine::Postgres));
        for other in ["", "/a.db", "mysql://a@b/c", "postgresql://a@b/c"] {
            assert_eq!(Engine::of(other), Err(NoEngine::Url), "{other}");
        }
    }

    #[test]
    fn migrations_go_to_the_owners_url_where_there_is_one() {
        let settings = |owner: &str| DatabaseSettings {
            url: "service".into(),
            owner_url: owner.into(),
        };

        assert_eq!(settings("").migrate_url(), "service");
        assert_eq!(settings("owner").migrate_url(), "owner");
    }
}
