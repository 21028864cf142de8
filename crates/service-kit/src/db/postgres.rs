//! PostgreSQL databases, over TLS.
//!
//! A transaction that writes begins with a lock that only one of them has, over all processes: each
//! sees what the one before it committed, as with SQLite's single writer. The lock costs little, as writes
//! are gathered into few transactions; and there are no serialization failures or deadlocks that somebody
//! would have to repeat.
//!
//! Tables are made by the role that owns them ([`migrate`]); a service connects as a role that may
//! only read and write rows.

use std::{str::FromStr as _, time::Duration};

use sqlx::{
    PgPool, Row as _,
    migrate::{MigrateError, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions, PgSslMode},
    types::BigDecimal,
};

// What statements that are written for both engines call their engine's.
pub use self::{Postgres as Database, PostgresError as OpenError};
pub use sqlx::{PgConnection as Connection, Postgres as Driver, postgres::PgRow as Row};

/// A transaction on a PostgreSQL database.
pub type PostgresTransaction = sqlx::Transaction<'static, sqlx::Postgres>;

/// The most connections of one process to one database.
const CONNECTIONS_MAX: u32 = 12;

/// How long a caller waits for a connection: below the 15 s that a handler gets.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(12);

/// How long a connection that is given back may take to end what was begun on it. One whose server is gone without a
/// word would keep its place in the pool for ever.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);

/// What every connection is set to. A statement or a wait for a lock ends before the handler's 15 s do;
/// whoever stops in mid-transaction does not keep the writers' lock for long.
const SETTINGS: [(&str, &str); 6] = [
    // That a connection which is given back had no transaction is no news.
    ("client_min_messages", "error"),
    ("default_transaction_isolation", "read committed"),
    ("idle_in_transaction_session_timeout", "20s"),
    ("lock_timeout", "10s"),
    ("statement_timeout", "12s"),
    ("timezone", "UTC"),
];

/// The lock of the one transaction that writes, released when it ends. Each database has its own.
const BEGIN_WRITING: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock(0)";

/// Everything in such a transaction sees one state of the database.
const BEGIN_READING: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// An open database whose schema is the one this program knows.
#[derive(Clone, Debug)]
pub struct Postgres {
    pool: PgPool,
}

/// Why a PostgreSQL database could not be opened or brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// The server cannot be reached, or refuses.
    #[error("the database cannot be reached")]
    Connect(#[source] sqlx::Error),
    /// The schema could not be brought to what this program knows.
    #[error("the schema does not fit this program")]
    Migrate(#[source] MigrateError),
    /// The schema is older than this program, or altered.
    #[error(
        "the schema is at version {found:?} and this program needs {wanted:?}: run `migrate` as the owner's role"
    )]
    Schema {
        /// The newest version in the database.
        found: Option<i64>,
        /// The newest version that the program knows.
        wanted: Option<i64>,
    },
    /// The connection would not be checked.
    #[error("the database URL must say sslmode=verify-full and sslrootcert=FILE")]
    Unverified,
    /// The URL is not one of PostgreSQL.
    #[error(
        "the database URL is not of the form postgres://role:password@host:port/name?sslmode=verify-full&sslrootcert=FILE"
    )]
    Url,
}

impl Postgres {
    /// Connects to the database at `url`, whose schema must be the one of `migrator`.
    pub async fn open(url: &str, migrator: &Migrator) -> Result<Self, PostgresError> {
        // On the heap: connecting takes kilobytes of state, which whatever opens a store would carry along.
        let pool = Box::pin(connect(url, CONNECTIONS_MAX)).await?;
        let applied = sqlx::query(
            "SELECT version, checksum FROM _sqlx_migrations WHERE success ORDER BY version",
        )
        .fetch_all(&pool)
        .await;
        let rows = match applied {
            Err(error) if is_missing_table(&error) => Vec::new(),
            applied => applied.map_err(PostgresError::Connect)?,
        };
        let found: Vec<(i64, Vec<u8>)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let wanted = migrator
            .iter()
            .map(|migration| (migration.version, migration.checksum.to_vec()));
        if !wanted.eq(found.iter().cloned()) {
            return Err(PostgresError::Schema {
                found: found.last().map(|(version, _)| *version),
                wanted: migrator.iter().last().map(|migration| migration.version),
            });
        }
        Ok(Self { pool })
    }

    /// Begins the transaction of a change. It waits for the one before it.
    pub async fn begin(&self) -> sqlx::Result<PostgresTransaction> {
        self.pool.begin_with(BEGIN_WRITING).await
    }

    /// Begins a transaction that reads: everything in it sees one state of the database.
    pub async fn begin_read(&self) -> sqlx::Result<PostgresTransaction> {
        self.pool.begin_with(BEGIN_READING).await
    }

    /// The connections for single reads.
    pub fn readers(&self) -> &PgPool {
        &self.pool
    }

    /// What was deleted goes with the next vacuum, which the server does by itself.
    #[expect(clippy::unused_async, reason = "SQLite has to be asked")]
    pub async fn forget_deleted(&self) -> sqlx::Result<()> {
        Ok(())
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Brings the schema of the database at `url` up to date, as the role that owns it.
///
/// A schema that this program does not know, because a newer one was here or because a migration
/// was altered afterwards, is refused: guessing could lose data.
pub async fn migrate(url: &str, migrator: &Migrator) -> Result<(), PostgresError> {
    let pool = connect(url, 1).await?;
    // A migration may take longer than a request.
    sqlx::query("SET statement_timeout = 0")
        .execute(&pool)
        .await
        .map_err(PostgresError::Connect)?;
    migrator.run(&pool).await.map_err(PostgresError::Migrate)
}

/// Nothing was migrated here.
fn is_missing_table(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.as_deref() == Some("42P01")
}

async fn connect(url: &str, connections_max: u32) -> Result<PgPool, PostgresError> {
    if !url.starts_with("postgres://") {
        return Err(PostgresError::Url);
    }
    let options = PgConnectOptions::from_str(url).map_err(|_| PostgresError::Url)?;
    if !matches!(options.get_ssl_mode(), PgSslMode::VerifyFull) {
        return Err(PostgresError::Unverified);
    }
    PgPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // Whoever gave up while its transaction began, because it waited too long for the writers' lock or its caller
        // had gone, leaves a transaction that nobody ends: with the lock, or failed.
        .after_release(|connection, _| {
            Box::pin(async move {
                let rollback = sqlx::raw_sql("ROLLBACK").execute(connection);
                let ended = tokio::time::timeout(RELEASE_TIMEOUT, rollback).await;
                ended.unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
                Ok(true)
            })
        })
        .connect_with(options.application_name("blindtally").options(SETTINGS))
        .await
        .map_err(PostgresError::Connect)
}

/// A number of base units as a column `NUMERIC(38,0)` takes it.
pub fn stored_units(units: i128) -> BigDecimal {
    units.into()
}

/// A number of base units from a column `NUMERIC(38,0)`.
pub fn units(row: &Row, column: &str) -> sqlx::Result<i128> {
    let (digits, scale) = row
        .try_get::<BigDecimal, _>(column)?
        .into_bigint_and_scale();
    // The driver may say 1000 as 1 and three zeros.
    let zeros = u32::try_from(-scale).ok();
    let units = i128::try_from(digits).ok();
    let units = units
        .zip(zeros)
        .and_then(|(units, zeros)| units.checked_mul(10_i128.checked_pow(zeros)?));
    units.ok_or_else(|| sqlx::Error::Decode("a number of base units out of range".into()))
}

#[cfg(test)]
mod tests;
