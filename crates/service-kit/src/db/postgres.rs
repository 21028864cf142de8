//! PostgreSQL databases, over TLS.
//!
//! A transaction that writes begins with a lock that only one of them has, over all processes: each sees what the one before
//! it committed, as with SQLite's single writer. The lock costs little, as writes are gathered into few transactions; and
//! there are no serialization failures or deadlocks that somebody would have to repeat. Writers have connections of their
//! own, so that those who wait for the lock keep nobody from reading.
//!
//! Tables are made by the role that owns them ([`migrate`]); a service connects as a role that may
//! only read and write rows.

use std::{future::Future, sync::Arc, time::Duration};

use sqlx::{
    Executor as _, PgPool, Row as _,
    migrate::{MigrateError, Migrator},
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
    types::BigDecimal,
};
use tokio::time::{Instant, sleep, timeout};

mod server;

pub use server::Server;

use crate::tls::probe::Trouble;

// What statements that are written for both engines call their engine's.
pub use self::{Postgres as Database, PostgresError as OpenError};
pub use sqlx::{PgConnection as Connection, Postgres as Driver, postgres::PgRow as Row};

/// SQL for the text that a byte string holds, of the SQL for the byte string. See [`text`].
#[doc(hidden)]
#[macro_export]
macro_rules! __postgres_text {
    ($bytes:literal) => {
        concat!("convert_from(", $bytes, ", 'UTF8')")
    };
}

/// SQL for the text that a byte string holds, as [`text`](super::sqlite::text) is for the other engine.
pub use crate::__postgres_text as text;

/// A transaction on a PostgreSQL database.
pub type PostgresTransaction = sqlx::Transaction<'static, sqlx::Postgres>;

/// The most connections of one process that write to one database: while one has the lock, the next one waits for it.
const WRITERS_MAX: u32 = 2;

/// The most connections of one process that read from one database.
const READERS_MAX: u32 = 10;

/// How long a caller waits for a connection: below the 15 s that a handler gets.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(12);

/// How long a connection that lay idle or is given back may take to answer: else a silent one keeps its place for ever.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that was used within this time is not asked whether it lives: that would cost as much as a statement.
const USED_LATELY: Duration = Duration::from_secs(1);

/// How long a check waits for a connection of the pool, and then for one of its own: together less than the 3 s that a
/// check of readiness gets.
const CHECK_TIMEOUT: Duration = Duration::from_millis(1_200);

/// How soon a server that is not there yet is looked for again, when a service starts.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Which migrations were made.
const APPLIED: &str =
    "SELECT version, checksum FROM _sqlx_migrations WHERE success ORDER BY version";

/// What every connection is set to. A statement or a wait for a lock ends before the handler's 15 s do;
/// whoever stops in mid-transaction does not keep the writers' lock for long.
const SETTINGS: [(&str, &str); 5] = [
    ("default_transaction_isolation", "read committed"),
    ("idle_in_transaction_session_timeout", "20s"),
    ("lock_timeout", "10s"),
    ("statement_timeout", "12s"),
    ("timezone", "UTC"),
];

/// Begins a transaction that may write.
const BEGIN_BESIDE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// Begins the one transaction that writes, with its lock, which is released when it ends; each database has its own. Where
/// the wait for it is too long, the server leaves a transaction that has failed: see [`is_free`].
const BEGIN_WRITING: &str =
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT pg_advisory_xact_lock(0)";

/// Everything in such a transaction sees one state of the database.
const BEGIN_READING: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// The migrations of a schema, by version and checksum.
pub(crate) type Migrations = Vec<(i64, Vec<u8>)>;

/// An open database whose schema is the one this program knows.
#[derive(Clone, Debug)]
pub struct Postgres {
    writers: PgPool,
    readers: PgPool,
    server: Server,
    wanted: Arc<Migrations>,
}

/// Why a PostgreSQL database could not be opened or brought up to date, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// The server cannot be reached.
    #[error("the database cannot be reached: {0}")]
    Connection(#[from] Trouble),
    /// The server has no more connections.
    #[error("{address} has no connection left: raise max_connections there, or end other clients")]
    Full {
        /// `host:port`.
        address: String,
    },
    /// The schema could not be brought to what this program knows.
    #[error("the schema does not fit this program")]
    Migrate(#[source] MigrateError),
    /// The server has other databases.
    #[error("{address} has no database {database}: make it, as deploy/engines/databases does")]
    NoDatabase {
        /// `host:port`.
        address: String,
        /// What it is called.
        database: String,
    },
    /// The server lets the role in nowhere, or not from here.
    #[error(
        "{address} does not let the role {role} into the database {database}: allow it in pg_hba.conf, \
         and GRANT CONNECT as deploy/engines/databases does"
    )]
    NotLetIn {
        /// `host:port`.
        address: String,
        /// As whom we came.
        role: String,
        /// Where to.
        database: String,
    },
    /// The password is wrong.
    #[error("{address} refuses the password of the role {role}: correct it in the database's URL")]
    Password {
        /// `host:port`.
        address: String,
        /// As whom we came.
        role: String,
    },
    /// The database failed.
    #[error("the database failed")]
    Failed(#[from] sqlx::Error),
    /// The schema is older or newer than this program, or altered.
    #[error("{}", mismatch(*.found, *.wanted))]
    Schema {
        /// The newest version in the database.
        found: Option<i64>,
        /// The newest version that the program knows.
        wanted: Option<i64>,
    },
    /// The server starts, recovers or stops.
    #[error("{address} starts or stops at the moment: wait, or see its log")]
    Starting {
        /// `host:port`.
        address: String,
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

impl PostgresError {
    /// Whether it may be over in a moment, without anybody's doing.
    fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Connection(Trouble::Unreachable { .. })
                | Self::Full { .. }
                | Self::Starting { .. }
        )
    }
}

fn mismatch(found: Option<i64>, wanted: Option<i64>) -> String {
    let wanted = wanted.map_or_else(|| "none".to_owned(), |wanted| wanted.to_string());
    match found {
        None => format!(
            "the database has no tables and this program needs version {wanted} of them: run `migrate`, \
             which connects as the role of owner_url"
        ),
        Some(found) => format!(
            "the tables are of version {found} and this program knows {wanted}: run the `migrate` of this \
             program if they are older or altered, or run the program that made them"
        ),
    }
}

impl Postgres {
    /// Connects to the database at `url`, whose schema must be the one of `migrator`.
    ///
    /// A server that is not there yet is waited for a little.
    pub async fn open(url: &str, migrator: &Migrator) -> Result<Self, PostgresError> {
        let server = Server::of(url)?;
        let wanted = migrator
            .iter()
            .map(|migration| (migration.version, migration.checksum.to_vec()))
            .collect();
        let options = server.options.clone();
        let reading = options
            .clone()
            .options([("default_transaction_read_only", "on")]);
        let db = Self {
            writers: pool(options, WRITERS_MAX),
            readers: pool(reading, READERS_MAX),
            server,
            wanted: Arc::new(wanted),
        };
        let end = Instant::now() + ACQUIRE_TIMEOUT;
        loop {
            match db.look(ACQUIRE_TIMEOUT).await {
                Err(error) if error.may_pass() && Instant::now() < end => sleep(LOOK_AGAIN).await,
                looked => return looked.map(|()| db),
            }
        }
    }

    /// Whether the database answers now, with the schema that this program knows.
    pub async fn check(&self) -> Result<(), PostgresError> {
        let applied = sqlx::query(APPLIED).fetch_all(&self.readers);
        match timeout(CHECK_TIMEOUT, applied).await {
            Ok(Ok(rows)) => compare(&rows, &self.wanted),
            // A pool says that its time was over, whatever the reason.
            Ok(Err(_)) | Err(_) => self.look(CHECK_TIMEOUT).await,
        }
    }

    /// Looks at the schema, over a connection of its own.
    async fn look(&self, within: Duration) -> Result<(), PostgresError> {
        let mut connection = self.server.connect(within).await?;
        fits(&mut connection, &self.wanted).await
    }

    /// Begins the transaction of a change. It waits for the one before it.
    pub async fn begin(&self) -> sqlx::Result<PostgresTransaction> {
        let writers = self.writers.clone();
        finish(async move { writers.begin_with(BEGIN_WRITING).await }).await
    }

    /// Begins a transaction beside the one that writes: for long work, which takes the locks that it needs itself.
    pub async fn begin_beside(&self) -> sqlx::Result<PostgresTransaction> {
        let readers = self.readers.clone();
        finish(async move { readers.begin_with(BEGIN_BESIDE).await }).await
    }

    /// Begins a transaction that reads: everything in it sees one state of the database.
    pub async fn begin_read(&self) -> sqlx::Result<PostgresTransaction> {
        let readers = self.readers.clone();
        finish(async move { readers.begin_with(BEGIN_READING).await }).await
    }

    /// A connection for a read that a write follows. The server has the pages in memory for all of them.
    pub async fn before_write(&self) -> sqlx::Result<PoolConnection<sqlx::Postgres>> {
        self.readers.acquire().await
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

/// Whether the schema has the migrations that are `wanted`, and no others.
pub(crate) async fn fits(
    connection: &mut Connection,
    wanted: &Migrations,
) -> Result<(), PostgresError> {
    match sqlx::query(APPLIED).fetch_all(connection).await {
        Err(error) if is_missing_table(&error) => compare(&[], wanted),
        rows => compare(&rows?, wanted),
    }
}

fn compare(rows: &[Row], wanted: &Migrations) -> Result<(), PostgresError> {
    let found: Migrations = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    if found == *wanted {
        return Ok(());
    }
    Err(PostgresError::Schema {
        found: found.last().map(|(version, _)| *version),
        wanted: wanted.last().map(|(version, _)| *version),
    })
}

/// Brings the schema of the database at `url` up to date, as the role that owns it.
///
/// A schema that this program does not know, because a newer one was here or because a migration
/// was altered afterwards, is refused: guessing could lose data.
pub async fn migrate(url: &str, migrator: &Migrator) -> Result<(), PostgresError> {
    let server = Server::of(url)?;
    let mut connection = server.connect(ACQUIRE_TIMEOUT).await?;
    // A migration may take longer than a request.
    sqlx::query("SET statement_timeout = 0")
        .execute(&mut connection)
        .await?;
    migrator
        .run(&mut connection)
        .await
        .map_err(PostgresError::Migrate)
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
    reason = "it ends by itself, within the time that a statement and a wait for a lock may take"
)]
async fn finish(
    beginning: impl Future<Output = sqlx::Result<PostgresTransaction>> + Send + 'static,
) -> sqlx::Result<PostgresTransaction> {
    let begun = tokio::spawn(beginning).await;
    begun.map_err(|_| sqlx::Error::WorkerCrashed)?
}

/// The connections with these options, made when they are needed.
fn pool(options: PgConnectOptions, connections_max: u32) -> PgPool {
    PgPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(|connection, used| {
            Box::pin(async move {
                if used.idle_for >= USED_LATELY {
                    is_free(connection).await?;
                }
                Ok(true)
            })
        })
        .after_release(|connection, _| {
            Box::pin(async move {
                is_free(connection).await?;
                Ok(true)
            })
        })
        .connect_lazy_with(options)
}

/// Whether a connection answers and is in no transaction that has failed: there, only a statement is refused, no ping.
async fn is_free(connection: &mut Connection) -> sqlx::Result<()> {
    let answer = timeout(ANSWER_TIMEOUT, connection.execute("SELECT 1")).await;
    answer.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map(drop)
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
