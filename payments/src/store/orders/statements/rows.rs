//! Values as columns hold them.

use chrono::{DateTime, NaiveDate, Utc};
use messages::{encoding::Fixed, money::Amount, payments::OrderStatus};
use sqlx::Row as _;
use uuid::Uuid;

use super::EngineRow;

const HOUR_SECONDS: i64 = 3600;

/// The hours since the Unix epoch: all that is kept of a time.
pub(super) fn hour(time: DateTime<Utc>) -> i64 {
    time.timestamp().div_euclid(HOUR_SECONDS)
}

/// A column holds what no program of ours writes.
pub(super) fn unreadable(column: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("the column {column} holds what was never written").into())
}

pub(super) fn time(row: &EngineRow, column: &str) -> sqlx::Result<DateTime<Utc>> {
    let hours: i64 = row.try_get(column)?;
    let seconds = hours.checked_mul(HOUR_SECONDS);
    let time = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    time.ok_or_else(|| unreadable(column))
}

pub(super) fn id(row: &EngineRow, column: &str) -> sqlx::Result<Uuid> {
    let bytes: &[u8] = row.try_get(column)?;
    Uuid::from_slice(bytes).map_err(|_| unreadable(column))
}

pub(super) fn optional_id(row: &EngineRow, column: &str) -> sqlx::Result<Option<Uuid>> {
    let bytes: Option<&[u8]> = row.try_get(column)?;
    let read = bytes.map(Uuid::from_slice).transpose();
    read.map_err(|_| unreadable(column))
}

/// A value that is stored as its text.
pub(super) fn text<T: std::str::FromStr>(row: &EngineRow, column: &str) -> sqlx::Result<T> {
    let text: &str = row.try_get(column)?;
    text.parse().map_err(|_| unreadable(column))
}

pub(super) fn day(row: &EngineRow, column: &str) -> sqlx::Result<NaiveDate> {
    text(row, column)
}

pub(super) fn amount(row: &EngineRow, column: &str) -> sqlx::Result<Amount> {
    text(row, column)
}

/// A number that is never negative.
pub(super) fn number<T: TryFrom<i64>>(row: &EngineRow, column: &str) -> sqlx::Result<T> {
    let number: i64 = row.try_get(column)?;
    T::try_from(number).map_err(|_| unreadable(column))
}

/// A number as a column holds it.
pub(super) fn integer(number: u64) -> sqlx::Result<i64> {
    i64::try_from(number).map_err(|error| sqlx::Error::Encode(error.into()))
}

/// Byte strings of one length, one after the other.
pub(super) fn list<const N: usize>(row: &EngineRow, column: &str) -> sqlx::Result<Vec<Fixed<N>>> {
    let bytes: &[u8] = row.try_get(column)?;
    let (parts, rest) = bytes.as_chunks::<N>();
    if !rest.is_empty() {
        return Err(unreadable(column));
    }
    Ok(parts.iter().map(|part| Fixed(*part)).collect())
}

pub(super) fn fixed<const N: usize>(row: &EngineRow, column: &str) -> sqlx::Result<Fixed<N>> {
    let bytes: &[u8] = row.try_get(column)?;
    bytes.try_into().map(Fixed).map_err(|_| unreadable(column))
}

pub(super) fn joined<const N: usize>(parts: &[Fixed<N>]) -> Vec<u8> {
    parts.iter().flat_map(|part| part.0).collect()
}

/// The name of an order's status.
pub(super) fn status_text(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::Canceled => "canceled",
        OrderStatus::Fulfilled => "fulfilled",
        OrderStatus::Paid => "paid",
        OrderStatus::Pending => "pending",
    }
}

pub(super) fn status(row: &EngineRow, column: &str) -> sqlx::Result<OrderStatus> {
    match row.try_get(column)? {
        "canceled" => Ok(OrderStatus::Canceled),
        "fulfilled" => Ok(OrderStatus::Fulfilled),
        "paid" => Ok(OrderStatus::Paid),
        "pending" => Ok(OrderStatus::Pending),
        _ => Err(unreadable(column)),
    }
}
