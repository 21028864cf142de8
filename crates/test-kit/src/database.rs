//! One door to a service's database, be it a file or in PostgreSQL: for whoever looks into it, or changes it
//! behind the service's back.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
#[cfg(feature = "engines")]
use sqlx::PgConnection;
use sqlx::{
    AssertSqlSafe, Column as _, Connection as _, Row as _, SqliteConnection,
    sqlite::SqliteConnectOptions,
};

/// How long a service may hold a file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection to a service's database; in PostgreSQL as the role that owns the tables.
#[derive(Debug)]
pub struct Database {
    connection: Connection,
}

#[derive(Debug)]
enum Connection {
    File(SqliteConnection),
    #[cfg(feature = "engines")]
    Engine(Box<PgConnection>),
}

/// What a database answered: columns with their names, and each value as bytes. Text is UTF-8, numbers are decimal text,
/// truth is `1` or `0`, blobs are as they are.
#[derive(Clone, Debug)]
pub struct Row(Vec<(String, Option<Vec<u8>>)>);

/// A table, and the one that it is a part of.
pub(crate) struct Table {
    name: String,
    /// The table's own name, unless it is a partition.
    pub(crate) whole: String,
}

impl Database {
    /// Opens a file beside the service that owns it.
    pub async fn of_file(file: &Path) -> anyhow::Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .busy_timeout(BUSY_TIMEOUT);
        let connection = SqliteConnection::connect_with(&options).await;
        let connection = connection.with_context(|| file.display().to_string())?;
        Ok(Self {
            connection: Connection::File(connection),
        })
    }

    /// Connects to a database in PostgreSQL.
    #[cfg(feature = "engines")]
    pub async fn of_url(url: &str) -> anyhow::Result<Self> {
        let connection = Box::pin(PgConnection::connect(url)).await?;
        Ok(Self {
            connection: Connection::Engine(Box::new(connection)),
        })
    }

    /// Connects to a database in PostgreSQL, which this build cannot.
    #[cfg(not(feature = "engines"))]
    #[expect(clippy::unused_async, reason = "with engines it waits")]
    pub async fn of_url(_url: &str) -> anyhow::Result<Self> {
        anyhow::bail!("this build has no PostgreSQL")
    }

    /// Asks for rows.
    pub async fn rows(&mut self, select: &str) -> anyhow::Result<Vec<Row>> {
        let select = sqlx::raw_sql(AssertSqlSafe(select.to_owned()));
        match &mut self.connection {
            Connection::File(file) => {
                let rows = select.fetch_all(file).await?;
                rows.iter().map(of_file).collect()
            }
            #[cfg(feature = "engines")]
            Connection::Engine(engine) => {
                let rows = select.fetch_all(&mut **engine).await?;
                rows.iter().map(of_engine).collect()
            }
        }
    }

    /// Asks for one number. None is zero.
    pub async fn number(&mut self, select: &str) -> anyhow::Result<u64> {
        let rows = self.rows(select).await?;
        let row = rows.first().context("a number was asked for")?;
        let (_, value) = row.0.first().context("a number was asked for")?;
        Ok(match value {
            None => 0,
            Some(_) => row.number(0).try_into()?,
        })
    }

    /// Runs statements.
    pub async fn run(&mut self, statements: &str) -> anyhow::Result<()> {
        let statements = sqlx::raw_sql(AssertSqlSafe(statements.to_owned()));
        match &mut self.connection {
            Connection::File(file) => statements.execute(file).await.map(|_| ()),
            #[cfg(feature = "engines")]
            Connection::Engine(engine) => statements.execute(&mut **engine).await.map(|_| ()),
        }?;
        Ok(())
    }

    /// Runs a statement after each change like `INSERT ON orders`, of whose row it may use `NEW`.
    pub async fn after_each(&mut self, change: &str, statement: &str) -> anyhow::Result<()> {
        let statements = match self.connection {
            Connection::File(_) => {
                format!("CREATE TRIGGER planted AFTER {change} BEGIN {statement}; END")
            }
            // It runs with the owner's rights, whatever the service may do; and not for its own changes.
            #[cfg(feature = "engines")]
            Connection::Engine(_) => format!(
                "CREATE FUNCTION planted() RETURNS TRIGGER LANGUAGE plpgsql SECURITY DEFINER AS $$
                 BEGIN {statement}; RETURN NULL; END $$;
                 CREATE TRIGGER planted AFTER {change} FOR EACH ROW WHEN (pg_trigger_depth() = 0)
                 EXECUTE FUNCTION planted()"
            ),
        };
        self.run(&statements).await
    }

    /// An expression for 16 random bytes.
    pub fn random_id(&self) -> &'static str {
        match self.connection {
            Connection::File(_) => "randomblob(16)",
            #[cfg(feature = "engines")]
            Connection::Engine(_) => "uuid_send(gen_random_uuid())",
        }
    }

    /// A type of columns that count rows as they come.
    pub fn serial(&self) -> &'static str {
        match self.connection {
            Connection::File(_) => "INTEGER PRIMARY KEY",
            #[cfg(feature = "engines")]
            Connection::Engine(_) => "SERIAL PRIMARY KEY",
        }
    }

    /// Statements after which the votes lie where they were written: a file's table has row ids, and `PostgreSQL` writes
    /// none of them anew.
    pub fn votes_stay(&self) -> &'static str {
        match self.connection {
            Connection::File(_) => {
                "DROP TABLE vote;
                 CREATE TABLE vote (key_id BLOB NOT NULL, vote_id BLOB NOT NULL, PRIMARY KEY (key_id, vote_id))"
            }
            #[cfg(feature = "engines")]
            Connection::Engine(_) => {
                "CREATE OR REPLACE FUNCTION settle_votes() RETURNS VOID LANGUAGE plpgsql AS $$ BEGIN END $$"
            }
        }
    }

    /// All tables with rows; of one that is partitioned, the parts.
    pub(crate) async fn tables(&mut self) -> anyhow::Result<Vec<Table>> {
        let select = match self.connection {
            Connection::File(_) => {
                "SELECT name, name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            }
            #[cfg(feature = "engines")]
            Connection::Engine(_) => {
                "SELECT part.relname, COALESCE(whole.relname, part.relname) FROM pg_class part
                 LEFT JOIN pg_inherits ON inhrelid = part.oid LEFT JOIN pg_class whole ON whole.oid = inhparent
                 WHERE part.relnamespace = current_schema()::TEXT::REGNAMESPACE AND part.relkind = 'r'
                 ORDER BY part.relname"
            }
        };
        let rows = self.rows(select).await?;
        let table = |row: &Row| Table {
            name: row.text(0).to_owned(),
            whole: row.text(1).to_owned(),
        };
        Ok(rows.iter().map(table).collect())
    }

    /// A table's rows in the order in which they lie; in PostgreSQL after the numbers of the transactions that wrote,
    /// and last locked, each of them.
    pub(crate) async fn content(&mut self, table: &Table) -> anyhow::Result<Vec<Row>> {
        let name = &table.name;
        let select = match self.connection {
            Connection::File(_) => format!(r#"SELECT * FROM "{name}""#),
            #[cfg(feature = "engines")]
            Connection::Engine(_) => {
                format!(r#"SELECT xmin, xmax, content.* FROM "{name}" content ORDER BY ctid"#)
            }
        };
        self.rows(&select).await
    }
}

impl Row {
    /// The columns with their values.
    pub fn into_columns(self) -> impl Iterator<Item = (String, Option<Vec<u8>>)> {
        self.0.into_iter()
    }

    /// A value.
    ///
    /// # Panics
    ///
    /// If there is no such column, or nothing in it.
    pub fn bytes(&self, place: usize) -> &[u8] {
        let value = self.0.get(place).and_then(|(_, value)| value.as_deref());
        value.expect("the column is there, and a value in it")
    }

    /// A value that is text.
    ///
    /// # Panics
    ///
    /// As [`Self::bytes`], and if it is no text.
    pub fn text(&self, place: usize) -> &str {
        std::str::from_utf8(self.bytes(place)).expect("the column has text")
    }

    /// A value that is a number.
    ///
    /// # Panics
    ///
    /// As [`Self::bytes`], and if it is no number.
    pub fn number(&self, place: usize) -> i64 {
        self.text(place).parse().expect("the column has numbers")
    }

    /// Base units of money: 16 bytes, big endian, in a file, and a number in PostgreSQL.
    ///
    /// # Panics
    ///
    /// As [`Self::bytes`], and if it is neither.
    pub fn units(&self, place: usize) -> i128 {
        let bytes = self.bytes(place);
        match bytes.try_into() {
            Ok(bytes) if self.is_binary(place) => i128::from_be_bytes(bytes),
            _ => self.text(place).parse().expect("the column has numbers"),
        }
    }

    /// No amount of money is so large that all its bytes could be digits.
    fn is_binary(&self, place: usize) -> bool {
        !self.bytes(place).iter().all(u8::is_ascii_digit)
    }
}

/// SQLite gives the bytes of any value as they were stored, and numbers as text.
fn of_file(row: &sqlx::sqlite::SqliteRow) -> anyhow::Result<Row> {
    let values = row.columns().iter().map(|column| {
        let value = row.try_get_unchecked::<Option<Vec<u8>>, _>(column.ordinal())?;
        Ok((column.name().to_owned(), value))
    });
    Ok(Row(values.collect::<anyhow::Result<_>>()?))
}

/// PostgreSQL answers a query without arguments in text.
#[cfg(feature = "engines")]
fn of_engine(row: &sqlx::postgres::PgRow) -> anyhow::Result<Row> {
    use sqlx::{TypeInfo as _, ValueRef as _};

    let mut values = Vec::new();
    for column in row.columns() {
        let value = row.try_get_raw(column.ordinal())?;
        let bytes = if value.is_null() {
            None
        } else {
            let text = value.as_str().map_err(anyhow::Error::from_boxed)?;
            Some(match column.type_info().name() {
                "BOOL" => vec![if text == "t" { b'1' } else { b'0' }],
                "BYTEA" => hex::decode(text.trim_start_matches("\\x"))?,
                _ => text.as_bytes().to_vec(),
            })
        };
        values.push((column.name().to_owned(), bytes));
    }
    Ok(Row(values))
}
