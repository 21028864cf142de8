//! PostgreSQL databases, over TLS.
//!
//! A transaction that writes begins with a lock that only one of them has, over all processes: each
//! sees what the one before it committed, as with SQLite's single writer. The lock costs little, as writes
//! are gathered into few transactions; and there are no serialization failures or deadlocks that somebody
//! would have to repeat. Writers have connections of their own, so that those who wait for the lock keep nobody from
//! reading.
//!
//! Tables are made by the role that owns them ([`migrate`]); a service connects as a role that may
//! only read and write rows.

use std::{future::Future, str::FromStr as _, time::Duration};

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

/// The most connections of one process that write to one database: while one has the lock, the next one waits for it.
const WRITERS_MAX: u32 = 2;

/// The most connections of one process that read from one database.
const READERS_MAX: u32 = 10;

/// How long a caller waits for a connection: below the 15 s that a handler gets.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(12);

/// What every connection is set to. A statement or a wait for a lock ends before the handler's 15 s do;
/// whoever stops in mid-transaction does not keep the writers' lock for long.
const SETTINGS: [(&str, &str); 5] = [
    ("default_transaction_isolation", "read committed"),
    ("idle_in_transaction_session_timeout", "20s"),
    ("lock_timeout", "10s"),
    ("statement_timeout", "12s"),
    ("timezone", "UTC"),
];

/// A transaction that may write. Only one that has the lock of [`WRITERS_LOCK`] does.
const BEGIN_WRITING: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// The lock of the one transaction that writes, released when it ends. Each database has its own.
const WRITERS_LOCK: &str = "SELECT pg_advisory_xact_lock(0)";

/// Everything in such a transaction sees one state of the database.
const BEGIN_READING: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// An open database whose schema is the one this program knows.
#[derive(Clone, Debug)]
pub struct Postgres {
    writers: PgPool,
    readers: PgPool,
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
        let options = settle(url)?;
        let reading = options
            .clone()
            .options([("default_transaction_read_only", "on")]);
        // On the heap: connecting takes kilobytes of state, which whatever opens a store would carry along.
        let readers = Box::pin(connect(reading, READERS_MAX)).await?;
        let applied = sqlx::query(
            "SELECT version, checksum FROM _sqlx_migrations WHERE success ORDER BY version",
        )
        .fetch_all(&readers)
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
        let writers = Box::pin(connect(options, WRITERS_MAX)).await?;
        Ok(Self { writers, readers })
    }

    /// Begins the transaction of a change. It waits for the one before it.
    pub async fn begin(&self) -> sqlx::Result<PostgresTransaction> {
        let writers = self.writers.clone();
        finish(async move {
            let mut tx = writers.begin_with(BEGIN_WRITING).await?;
            sqlx::query(WRITERS_LOCK).execute(&mut *tx).await?;
            Ok(tx)
        })
        .await
    }

    /// Begins a transaction beside the one that writes: for long work, which takes the locks that it needs itself.
    pub async fn begin_beside(&self) -> sqlx::Result<PostgresTransaction> {
        let readers = self.readers.clone();
        finish(async move { readers.begin_with(BEGIN_WRITING).await }).await
    }

    /// Begins a transaction that reads: everything in it sees one state of the database.
    pub async fn begin_read(&self) -> sqlx::Result<PostgresTransaction> {
        let readers = self.readers.clone();
        finish(async move { readers.begin_with(BEGIN_READING).await }).await
    }

    /// The connections for single reads. They refuse to write.
    pub fn readers(&self) -> &PgPool {
        &self.readers
    }

    /// What was deleted goes with the next vacuum, which the server does by itself.
    #[expect(clippy::unused_async, reason = "SQLite has to be asked")]
    pub async fn forget_deleted(&self) -> sqlx::Result<()> {
        Ok(())
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writers.close().await;
    }
}

/// Brings the schema of the database at `url` up to date, as the role that owns it.
///
/// A schema that this program does not know, because a newer one was here or because a migration
/// was altered afterwards, is refused: guessing could lose data.
pub async fn migrate(url: &str, migrator: &Migrator) -> Result<(), PostgresError> {
    let pool = connect(settle(url)?, 1).await?;
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

/// Begins a transaction to the end, also when the caller has gone meanwhile: nobody would roll back one whose `BEGIN` was
/// sent and not answered yet, and whoever got its connection next would read its old state, or write into it. (To roll
/// back each connection that is given back would write a warning, with its time, into the server's log.)
#[expect(
    clippy::disallowed_methods,
    reason = "a transaction that nobody waits for is rolled back, so shutdown need not wait for it"
)]
async fn finish(
    begin: impl Future<Output = sqlx::Result<PostgresTransaction>> + Send + 'static,
) -> sqlx::Result<PostgresTransaction> {
    let finished = tokio::spawn(begin).await;
    finished.map_err(|_| sqlx::Error::WorkerCrashed)?
}

/// What the connections to `url` have to be.
fn settle(url: &str) -> Result<PgConnectOptions, PostgresError> {
    if !url.starts_with("postgres://") {
        return Err(PostgresError::Url);
    }
    let options = PgConnectOptions::from_str(url).map_err(|_| PostgresError::Url)?;
    if !matches!(options.get_ssl_mode(), PgSslMode::VerifyFull) {
        return Err(PostgresError::Unverified);
    }
    Ok(options.application_name("blindtally").options(SETTINGS))
}

async fn connect(options: PgConnectOptions, connections_max: u32) -> Result<PgPool, PostgresError> {
    PgPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_with(options)
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
