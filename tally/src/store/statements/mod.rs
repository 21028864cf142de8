//! The statements of the tally's database, for both engines.

use std::sync::Arc;

use messages::{FundingSource, encoding::Fixed, money::Amount, publisher::Publisher};
use service_kit::{
    db::migrator,
    outbox::{Outbox, as_it_stands},
};
use sqlx::Row as _;

use super::{
    Connection, Database, EngineRow, OpenError, SCRIPTS, TableOutbox, insert, leases, stored_units,
    text, units,
};
use crate::{
    domain::{Month, funds::Line},
    store::{Place, Result, Span, Store, StoreError},
};

mod books;
mod closing;
mod funds;
mod inbox;
mod reports;
#[cfg(test)]
mod tests;
mod votes;

/// The store in a database of its engine.
#[derive(Clone, Debug)]
pub struct TableStore {
    db: Database,
}

impl TableStore {
    /// Opens the database at `url`.
    pub async fn open(url: &str) -> std::result::Result<Self, OpenError> {
        Ok(Self {
            db: Database::open(url, &migrator(SCRIPTS)).await?,
        })
    }
}

impl Store for TableStore {
    fn outbox(&self) -> Arc<dyn Outbox> {
        Arc::new(TableOutbox::new(self.db.clone(), as_it_stands()))
    }
}

/// A position was moved.
struct Moved {
    /// The last month that is closed, if any is.
    closed: Option<Month>,
}

/// Moves the position of a partition. `None`: it is not where reading started.
async fn advance(conn: &mut Connection, span: &Span) -> Result<Option<Moved>> {
    let Place { topic, partition } = &span.place;
    let moved = sqlx::query(
        "UPDATE consumer_offset SET next_offset = $4
         WHERE topic = $1 AND partition = $2 AND next_offset = $3
         RETURNING (SELECT max(month) FROM closed_month) AS month",
    )
    .bind(topic)
    .bind(i64::from(*partition))
    .bind(int(span.from)?)
    .bind(int(span.to)?)
    .fetch_optional(conn)
    .await?;
    let Some(row) = moved else {
        return Ok(None);
    };
    let closed = row.try_get::<Option<&str>, _>("month")?.is_some();
    Ok(Some(Moved {
        closed: closed.then(|| parsed(&row, "month")).transpose()?,
    }))
}

/// Both engines' integers are signed; counts, offsets and positions are not.
fn int(value: u64) -> Result<i64> {
    i64::try_from(value).map_err(|_| StoreError::Corrupt("a count above 2^63"))
}

fn count(row: &EngineRow, column: &str) -> Result<u64> {
    let value: i64 = row.try_get(column)?;
    u64::try_from(value).map_err(|_| StoreError::Corrupt("a negative count"))
}

fn amount(row: &EngineRow, column: &str) -> Result<Amount> {
    Amount::from_base_units(units(row, column)?)
        .ok_or(StoreError::Corrupt("an amount out of range"))
}

fn fixed<const N: usize>(row: &EngineRow, column: &str) -> Result<Fixed<N>> {
    let bytes: Vec<u8> = row.try_get(column)?;
    bytes
        .try_into()
        .map(Fixed)
        .map_err(|_| StoreError::Corrupt("a hash of another length"))
}

/// A text that was written from a value of type `T`.
fn parsed<T: std::str::FromStr>(row: &EngineRow, column: &str) -> Result<T> {
    let text: String = row.try_get(column)?;
    text.parse()
        .map_err(|_| StoreError::Corrupt("a text that does not parse"))
}

/// A channel that was counted.
fn publisher(row: &EngineRow) -> Result<Publisher> {
    let text: String = row.try_get("channel")?;
    Publisher::taken(&text).map_err(|_| StoreError::Corrupt("a text that is no channel"))
}

fn line(row: &EngineRow) -> Result<Line> {
    let source: FundingSource = parsed(row, "source")?;
    Ok((source, amount(row, "value")?))
}
