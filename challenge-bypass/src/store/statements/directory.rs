//! The key directory's chain.

use messages::directory::{CHAIN_START, Entry, Event};
use sqlx::Row as _;

use super::Connection;
use crate::{
    domain::{Issuer, KeyFacts, directory_entry},
    store::StoreError,
};

/// Appends that a key was added.
pub(super) async fn append_added(
    conn: &mut Connection,
    issuer: &Issuer,
    facts: &KeyFacts,
) -> Result<(), StoreError> {
    append(conn, directory_entry(issuer, facts, Event::Added)).await
}

/// Appends that a key was revoked.
pub(super) async fn append_revoked(
    conn: &mut Connection,
    issuer: &Issuer,
    facts: &KeyFacts,
) -> Result<(), StoreError> {
    append(conn, directory_entry(issuer, facts, Event::Revoked)).await
}

async fn append(conn: &mut Connection, mut entry: Entry) -> Result<(), StoreError> {
    let last = sqlx::query("SELECT entry FROM directory_entries ORDER BY position DESC LIMIT 1")
        .fetch_optional(&mut *conn)
        .await?
        .map(|row| read(&row.try_get::<String, _>("entry")?))
        .transpose()?;
    let previous = last.as_ref().map_or(CHAIN_START, |last| last.hash);
    entry.index = last.map_or(0, |last| last.index + 1);
    let entry = entry.chained(&previous);

    let position = i64::try_from(entry.index).map_err(|_| StoreError::Corrupt("directory"))?;
    let json = serde_json::to_string(&entry).expect("an entry is plain data");
    sqlx::query("INSERT INTO directory_entries (position, entry) VALUES ($1, $2)")
        .bind(position)
        .bind(json)
        .execute(conn)
        .await?;
    Ok(())
}

/// All entries.
pub(super) async fn all(conn: &mut Connection) -> Result<Vec<Entry>, StoreError> {
    sqlx::query("SELECT entry FROM directory_entries ORDER BY position")
        .fetch_all(conn)
        .await?
        .iter()
        .map(|row| read(&row.try_get::<String, _>("entry")?))
        .collect()
}

fn read(json: &str) -> Result<Entry, StoreError> {
    serde_json::from_str(json).map_err(|_| StoreError::Corrupt("directory entry"))
}
