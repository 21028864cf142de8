//! The tally's database in SQLite.

use std::sync::Arc;

use messages::{FundingSource, encoding::Fixed, money::Amount, publisher::Publisher};
use service_kit::{
    db::{OpenError, Sqlite},
    outbox::{Outbox, SqliteOutbox, as_it_stands},
};
use sqlx::{Row as _, SqliteConnection, migrate::Migrator, sqlite::SqliteRow};

use super::{Place, Result, Span, Store, StoreError};
use crate::domain::funds::Line;

mod books;
mod closing;
mod funds;
mod inbox;
mod reports;
mod votes;

static MIGRATOR: Migrator = sqlx::migrate!("../migrations/tally/sqlite");

/// The store in an SQLite file.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    db: Sqlite,
}

impl SqliteStore {
    /// Opens the database at `url` and brings its schema up to date.
    pub async fn open(url: &str) -> std::result::Result<Self, OpenError> {
        Ok(Self {
            db: Sqlite::open(url, &MIGRATOR).await?,
        })
    }
}

impl Store for SqliteStore {
    fn outbox(&self) -> Arc<dyn Outbox> {
        Arc::new(SqliteOutbox::new(self.db.clone(), as_it_stands()))
    }
}

/// Moves the position of a partition. `false`: it is not where reading started.
async fn advance(conn: &mut SqliteConnection, span: &Span) -> Result<bool> {
    let Place { topic, partition } = &span.place;
    let moved = sqlx::query(
        "UPDATE consumer_offset SET next_offset = ?4
         WHERE topic = ?1 AND partition = ?2 AND next_offset = ?3",
    )
    .bind(topic)
    .bind(partition)
    .bind(int(span.from)?)
    .bind(int(span.to)?)
    .execute(conn)
    .await?;
    Ok(moved.rows_affected() == 1)
}

/// SQLite's integers are signed; counts, offsets and positions are not.
fn int(value: u64) -> Result<i64> {
    i64::try_from(value).map_err(|_| StoreError::Corrupt("a count above 2^63"))
}

fn count(row: &SqliteRow, column: &str) -> Result<u64> {
    let value: i64 = row.try_get(column)?;
    u64::try_from(value).map_err(|_| StoreError::Corrupt("a negative count"))
}

/// Big endian, so that amounts sort as they should.
fn blob(units: i128) -> Vec<u8> {
    units.to_be_bytes().to_vec()
}

fn units(row: &SqliteRow, column: &str) -> Result<i128> {
    let bytes: Vec<u8> = row.try_get(column)?;
    let bytes = bytes
        .try_into()
        .map_err(|_| StoreError::Corrupt("an amount of other than 16 bytes"))?;
    Ok(i128::from_be_bytes(bytes))
}

fn amount(row: &SqliteRow, column: &str) -> Result<Amount> {
    Amount::from_base_units(units(row, column)?)
        .ok_or(StoreError::Corrupt("an amount out of range"))
}

fn fixed<const N: usize>(row: &SqliteRow, column: &str) -> Result<Fixed<N>> {
    let bytes: Vec<u8> = row.try_get(column)?;
    bytes
        .try_into()
        .map(Fixed)
        .map_err(|_| StoreError::Corrupt("a hash of another length"))
}

/// A text that was written from a value of type `T`.
fn parsed<T: std::str::FromStr>(row: &SqliteRow, column: &str) -> Result<T> {
    let text: String = row.try_get(column)?;
    text.parse()
        .map_err(|_| StoreError::Corrupt("a text that does not parse"))
}

/// A channel that was counted.
fn publisher(row: &SqliteRow) -> Result<Publisher> {
    let text: String = row.try_get("channel")?;
    Publisher::taken(&text).map_err(|_| StoreError::Corrupt("a text that is no channel"))
}

fn line(row: &SqliteRow) -> Result<Line> {
    let source: FundingSource = parsed(row, "source")?;
    Ok((source, amount(row, "value")?))
}

#[cfg(test)]
mod tests;
