//! Where the keys of a test are: in a file, or, on the engines that `BLINDTALLY_ENGINES` names, in a schema of their own.

use std::{
    fs,
    path::{Path, PathBuf},
};

#[cfg(feature = "postgres")]
use service_kit::{
    db::testing::{Apart, apart},
    engines,
};
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
#[cfg(feature = "postgres")]
use sqlx::{PgConnection, Row as _};
#[cfg(feature = "postgres")]
use star_collector::randomness::store;

/// A database that no other test has.
#[derive(Debug)]
pub(crate) enum Keys {
    /// A file, which the service makes.
    File(PathBuf),
    /// A schema in PostgreSQL. Its tables are another role's than the service's.
    #[cfg(feature = "postgres")]
    Schema(Apart),
}

impl Keys {
    /// A new one. A file is in `folder`.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(clippy::unused_async, reason = "with PostgreSQL it waits")
    )]
    pub(crate) async fn new(folder: &Path) -> Self {
        #[cfg(feature = "postgres")]
        if engines::named().is_some() {
            let apart = without_tables().await;
            store::migrate(&apart.owner).await.unwrap();
            return Self::Schema(apart);
        }
        Self::in_file(folder)
    }

    /// A file in `folder`, also where other tests are on engines.
    pub(crate) fn in_file(folder: &Path) -> Self {
        Self::File(folder.join("keys.db"))
    }

    /// The URL with which the service sees it.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::File(file) => format!("sqlite:{}", file.display()),
            #[cfg(feature = "postgres")]
            Self::Schema(apart) => apart.service.clone(),
        }
    }

    /// Runs a statement behind the service's back, with no more rights than it has.
    pub(crate) async fn run(&self, statement: &str) -> sqlx::Result<()> {
        let (url, statement) = (self.url(), AssertSqlSafe(statement.to_owned()));
        match self {
            Self::File(_) => {
                let mut file = SqliteConnection::connect(&url).await?;
                sqlx::raw_sql(statement).execute(&mut file).await?;
            }
            #[cfg(feature = "postgres")]
            Self::Schema(_) => {
                let mut server = PgConnection::connect(&url).await?;
                sqlx::raw_sql(statement).execute(&mut server).await?;
            }
        }
        Ok(())
    }

    /// So many bytes that no key has, as a statement writes them.
    pub(crate) fn literal(&self, count: usize) -> String {
        let hex = "5a".repeat(count);
        match self {
            Self::File(_) => format!("x'{hex}'"),
            #[cfg(feature = "postgres")]
            Self::Schema(_) => format!(r"'\x{hex}'::BYTEA"),
        }
    }

    /// The bytes of what is stored: of the file and of what lies beside it, or of all values, since a server's files hold what every
    /// test stores.
    pub(crate) async fn stored(&self) -> Vec<u8> {
        match self {
            Self::File(file) => files_like(file),
            #[cfg(feature = "postgres")]
            Self::Schema(apart) => values(&apart.service).await,
        }
    }
}

/// The bytes of all files whose names begin with this one's.
fn files_like(file: &Path) -> Vec<u8> {
    let name = file.file_name().unwrap().to_string_lossy();
    let mut found = Vec::new();
    for entry in fs::read_dir(file.parent().unwrap()).unwrap() {
        let path = entry.unwrap().path();
        if path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with(&*name)
        {
            found.extend(fs::read(&path).unwrap());
        }
    }
    found
}

/// The bytes of every value of the table.
#[cfg(feature = "postgres")]
async fn values(url: &str) -> Vec<u8> {
    let mut server = PgConnection::connect(url).await.unwrap();
    let rows = sqlx::query("SELECT * FROM epoch_keys");
    let mut found = Vec::new();
    for row in rows.fetch_all(&mut server).await.unwrap() {
        for column in 0..row.len() {
            found.extend(row.try_get_raw(column).unwrap().as_bytes().unwrap());
        }
    }
    found
}

/// A schema for keys that the owner's role has not made tables in yet.
#[cfg(feature = "postgres")]
pub(crate) async fn without_tables() -> Apart {
    apart("main", "star_randomness").await
}
