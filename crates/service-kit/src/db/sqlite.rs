//! SQLite databases: one connection that writes, a few that read.
//!
//! SQLite has one writer at a time, whatever the application does. With a single writing
//! connection that begins every transaction as `IMMEDIATE`, writers queue here, in order, instead of
//! failing half-way when a reader turns into a writer.

use std::{
    io,
    path::{Path, PathBuf},
    str::FromStr as _,
    time::{Duration, Instant},
};

use sqlx::{
    AssertSqlSafe, Connection as _, Row as _, SqliteConnection, SqlitePool, Transaction,
    error::DatabaseError,
    migrate::{MigrateError, Migrator},
    pool::PoolConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

/// SQL for the text that a byte string holds, of the SQL for the byte string. See [`text`].
#[doc(hidden)]
#[macro_export]
macro_rules! __sqlite_text {
    ($bytes:literal) => {
        concat!("CAST(", $bytes, " AS TEXT)")
    };
}

/// SQL for the text that a byte string holds: `text!("substr($1, 1, 10)")`, inside `concat!`.
///
/// Statements that cut their parameters cut bytes: to find a character, an engine counts all those before it.
pub use crate::__sqlite_text as text;

/// How long a statement waits for another process that writes to the same file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How long one try to empty the write-ahead log waits for readers. Whoever wants to write waits, too.
const FORGET_WAIT: Duration = Duration::from_millis(200);

/// How long to leave readers and writers alone between two tries.
const FORGET_PAUSE: Duration = Duration::from_millis(300);

/// A backup of a small database takes no longer than this many tries.
const FORGET_TRIES_MAX: u32 = 5;

/// How long a caller waits for a connection: below the 15 s that a handler gets.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(12);

/// Reads are short, and a laptop has few cores: more connections would only hold more memory.
const READERS_MAX: u32 = 4;

/// Pages that each connection keeps, in KiB (negative, as SQLite wants it). Keys that are digests
/// touch pages all over the file; with SQLite's 2 MiB most of them would be read again and again.
const CACHE: &str = "-16384";

/// How soon whoever found the file locked looks again.
const TRY_AGAIN: Duration = Duration::from_millis(50);

/// Two processes may find the same new file at once; the one that loses looks again.
const MIGRATION_TRIES_MAX: u32 = 20;

/// A transaction on an SQLite database.
pub type SqliteTransaction = Transaction<'static, sqlx::Sqlite>;

// What statements that are written for both engines call their engine's.
pub use self::Sqlite as Database;
pub use sqlx::{Sqlite as Driver, SqliteConnection as Connection, sqlite::SqliteRow as Row};

/// An open database whose schema is the one this program knows.
#[derive(Clone, Debug)]
pub struct Sqlite {
    writer: SqlitePool,
    readers: SqlitePool,
    path: PathBuf,
}

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be opened.
    #[error("the database file {path} cannot be opened")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: sqlx::Error,
    },
    /// The file cannot be made.
    #[error("the database file {path} cannot be made")]
    Make {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The schema could not be brought to what this program knows.
    #[error("the schema of {path} does not fit this program")]
    Schema {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: MigrateError,
    },
    /// The URL is not one of SQLite.
    #[error("the database URL is not of the form sqlite:/path/to/file")]
    Url,
}

impl Sqlite {
    /// Opens the database at `url` (`sqlite:/path/to/file`) and brings its schema up to date.
    ///
    /// A schema that this program does not know, because a newer one was here or because a
    /// migration was altered afterwards, is refused: guessing could lose data.
    pub async fn open(url: &str, migrator: &Migrator) -> Result<Self, OpenError> {
        let options = SqliteConnectOptions::from_str(url).map_err(|_| OpenError::Url)?;
        if !url.starts_with("sqlite:") || url.contains(":memory:") {
            return Err(OpenError::Url);
        }
        let path = options.get_filename().to_owned();
        make_private(&path)?;
        let options = settle(options);

        let opened = |source| OpenError::File {
            path: path.clone(),
            source,
        };
        let writer = connect(1, &options).await.map_err(opened)?;
        migrate(&writer, migrator, &path).await?;
        let reading = options.pragma("query_only", "ON");
        let readers = connect(READERS_MAX, &reading).await.map_err(opened)?;
        Ok(Self {
            writer,
            readers,
            path,
        })
    }

    /// Whether the file can be read now.
    pub async fn check(&self) -> Result<(), OpenError> {
        let read = sqlx::query("SELECT count(*) FROM _sqlx_migrations")
            .execute(&self.readers)
            .await;
        read.map(drop).map_err(|source| OpenError::File {
            path: self.path.clone(),
            source,
        })
    }

    /// Begins the transaction of a change. It holds the one place for a writer until it ends.
    pub async fn begin(&self) -> sqlx::Result<SqliteTransaction> {
        self.writer.begin_with("BEGIN IMMEDIATE").await
    }

    /// Begins a transaction that reads: everything in it sees one state of the database.
    pub async fn begin_read(&self) -> sqlx::Result<SqliteTransaction> {
        self.readers.begin().await
    }

    /// The connection for a read that a write follows. It is the one that writes: its pages are in memory, while every
    /// other connection forgets its pages with each commit. It waits for the transaction that runs.
    pub async fn before_write(&self) -> sqlx::Result<PoolConnection<sqlx::Sqlite>> {
        self.writer.acquire().await
    }

    /// The connections for single reads. They refuse to write.
    pub fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// Which file this is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Moves the write-ahead log into the file and empties it.
    ///
    /// `secure_delete` overwrites deleted rows in the file, but the write-ahead log keeps older
    /// pages until it is emptied. Whoever deletes for privacy calls this afterwards. It fails while
    /// somebody, such as a backup, reads an older state: what was deleted is then still there.
    pub async fn forget_deleted(&self) -> sqlx::Result<()> {
        for _ in 1..FORGET_TRIES_MAX {
            if self.empty_log().await? {
                return Ok(());
            }
            // Not on the connection: those who want to write go first.
            tokio::time::sleep(FORGET_PAUSE).await;
        }
        if self.empty_log().await? {
            return Ok(());
        }
        let reader = "what was deleted is not forgotten yet: somebody reads an older state";
        Err(io::Error::new(io::ErrorKind::ResourceBusy, reader).into())
    }

    /// Tries to empty the write-ahead log, and says whether it is empty.
    async fn empty_log(&self) -> sqlx::Result<bool> {
        let mut writer = self.writer.acquire().await?;
        patience(&mut writer, FORGET_WAIT).await?;
        // Its row says whether readers were in the way; the statement succeeds either way.
        let busy = sqlx::query_scalar::<_, i64>("PRAGMA wal_checkpoint(TRUNCATE)")
            .fetch_one(&mut *writer)
            .await;
        patience(&mut writer, BUSY_TIMEOUT).await?;
        Ok(busy? == 0)
    }

    /// Closes all connections; what is committed is on the disk.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Sets how long statements of a connection wait for others.
async fn patience(conn: &mut SqliteConnection, wait: Duration) -> sqlx::Result<()> {
    let pragma = format!("PRAGMA busy_timeout = {}", wait.as_millis());
    sqlx::query(AssertSqlSafe(pragma)).execute(conn).await?;
    Ok(())
}

/// Opens a pool. Whoever gives a new file its write-ahead log keeps all others out for a moment, and those SQLite turns
/// away at once instead of letting them wait.
async fn connect(connections_max: u32, options: &SqliteConnectOptions) -> sqlx::Result<SqlitePool> {
    let started = Instant::now();
    loop {
        // In a box: whoever opens several databases would carry it several times.
        let opened = Box::pin(pool(connections_max).connect_with(options.clone()));
        match opened.await {
            Err(error) if is_busy(&error) && started.elapsed() < BUSY_TIMEOUT => {
                tokio::time::sleep(TRY_AGAIN).await;
            }
            opened => return opened,
        }
    }
}

/// `SQLITE_BUSY`: somebody else has locked the file.
fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| code == "5")
}

fn pool(connections_max: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // A file does not go away: asking first would only cost a turn of the connection's thread.
        .test_before_acquire(false)
        // SQLite itself ends a transaction in which the disk ran full, or failed. The driver goes on counting it, and
        // would refuse every further one on this connection.
        .before_acquire(|connection, _| {
            let is_free = !connection.is_in_transaction();
            Box::pin(async move { Ok(is_free) })
        })
        .idle_timeout(None)
        .max_lifetime(None)
}

/// The settings that every database here has.
fn settle(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .create_if_missing(true)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        // NORMAL would lose the last commits when the power fails.
        .synchronous(SqliteSynchronous::Full)
        // Otherwise what was deleted stays readable in the file.
        .pragma("secure_delete", "ON")
        // A large statement's journal would spill rows into files outside the database, and cost
        // more than the statement.
        .pragma("temp_store", "MEMORY")
        .pragma("trusted_schema", "OFF")
        .pragma("cache_size", CACHE)
}

/// Makes the file, readable by its owner only, unless it is there.
fn make_private(path: &Path) -> Result<(), OpenError> {
    let mut open = std::fs::OpenOptions::new();
    open.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut open, 0o600);
    open.open(path).map(drop).map_err(|source| OpenError::Make {
        path: path.to_owned(),
        source,
    })
}

async fn migrate(writer: &SqlitePool, migrator: &Migrator, path: &Path) -> Result<(), OpenError> {
    let mut tries = 0;
    loop {
        tries += 1;
        match migrator.run(writer).await {
            Ok(()) => return Ok(()),
            // Another process may be doing the same; afterwards there is nothing left to do.
            Err(MigrateError::Execute(_) | MigrateError::ExecuteMigration(..))
                if tries < MIGRATION_TRIES_MAX =>
            {
                tokio::time::sleep(TRY_AGAIN).await;
            }
            Err(source) => {
                return Err(OpenError::Schema {
                    path: path.to_owned(),
                    source,
                });
            }
        }
    }
}

/// A number of base units as a column of 16 bytes takes it: SQLite has no exact decimal. Big endian, so that
/// amounts, which are never negative, sort as they should.
pub fn stored_units(units: i128) -> Vec<u8> {
    units.to_be_bytes().to_vec()
}

/// A number of base units from a column of 16 bytes.
pub fn units(row: &Row, column: &str) -> sqlx::Result<i128> {
    let bytes: &[u8] = row.try_get(column)?;
    let bytes = bytes.try_into();
    bytes
        .map(i128::from_be_bytes)
        .map_err(|_| sqlx::Error::Decode("a number of base units has 16 bytes".into()))
}

#[cfg(test)]
mod tests;
