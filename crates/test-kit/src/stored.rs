//! What is stored: every value of every table, and the bytes of every file.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use sqlx::{
    AssertSqlSafe, Connection as _, Row as _, SqliteConnection, sqlite::SqliteConnectOptions,
};

/// One value in a database.
#[derive(Clone, Eq, Ord, PartialEq, PartialOrd)]
pub struct StoredValue {
    /// The database's file, without its folder.
    pub database: String,
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// The value: text as UTF-8, numbers as decimal text, blobs as they are.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for StoredValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            database,
            table,
            column,
            bytes,
        } = self;
        write!(f, "{database}/{table}.{column} ({} bytes)", bytes.len())
    }
}

/// Every value of every table of the SQLite databases in `dir`, the event log's among them.
pub async fn values_in(dir: &Path) -> anyhow::Result<Vec<StoredValue>> {
    let mut values = Vec::new();
    for path in databases_in(dir)? {
        values.extend(
            values_of(&path)
                .await
                .with_context(|| format!("{}", path.display()))?,
        );
    }
    Ok(values)
}

/// Every value of every table of one SQLite database.
pub async fn values_of(path: &Path) -> anyhow::Result<Vec<StoredValue>> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let database = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let mut values = Vec::new();
    for table in sqlx::query_scalar::<_, String>(tables)
        .fetch_all(&mut connection)
        .await?
    {
        let columns = sqlx::query_scalar::<_, String>("SELECT name FROM pragma_table_info(?)")
            .bind(&table)
            .fetch_all(&mut connection)
            .await?;
        let casts: Vec<_> = columns
            .iter()
            .map(|column| format!(r#"CAST("{column}" AS BLOB)"#))
            .collect();
        let select = format!(r#"SELECT {} FROM "{table}""#, casts.join(", "));
        let rows = sqlx::query(AssertSqlSafe(select))
            .fetch_all(&mut connection)
            .await?;
        for row in rows {
            for (place, column) in columns.iter().enumerate() {
                if let Some(bytes) = row.try_get::<Option<Vec<u8>>, _>(place)? {
                    values.push(StoredValue {
                        database: database.clone(),
                        table: table.clone(),
                        column: column.clone(),
                        bytes,
                    });
                }
            }
        }
    }
    connection.close().await?;
    Ok(values)
}

/// The bytes of every file in `dir` itself, by name: databases, their write-ahead logs, journals.
pub fn files_in(dir: &Path) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_file() {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            files.insert(name, fs::read(&path)?);
        }
    }
    Ok(files)
}

fn databases_in(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(dir)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "db"))
        .collect();
    paths.sort();
    Ok(paths)
}
