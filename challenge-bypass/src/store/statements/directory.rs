//! The key directory's chain.

use messages::directory::{CheckedChange, Entry, Event};
use sqlx::Row as _;

use super::Connection;
use crate::{
    domain::{Issuer, KeyChanged, KeyFacts, directory_entry, judge_change},
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

/// Appends that the directory key was changed, if it is changed.
pub(super) async fn change_key(
    conn: &mut Connection,
    change: &CheckedChange,
) -> Result<KeyChanged, StoreError> {
    let entries = all(conn).await?;
    let changed = judge_change(&entries, change);
    let changed = changed.map_err(|_| StoreError::Corrupt("directory key"))?;
    if changed == KeyChanged::Now {
        append(conn, change.into()).await?;
    }
    Ok(changed)
}

async fn append(conn: &mut Connection, entry: Entry) -> Result<(), StoreError> {
    let last = sqlx::query("SELECT entry FROM directory_entries ORDER BY position DESC LIMIT 1")
        .fetch_optional(&mut *conn)
        .await?
        .map(|row| read(&row.try_get::<String, _>("entry")?))
        .transpose()?;
    put_back(conn, &entry.after(last.as_ref())).await
}

/// Writes an entry that has its place and its hash.
pub(super) async fn put_back(conn: &mut Connection, entry: &Entry) -> Result<(), StoreError> {
    let position = i64::try_from(entry.index()).map_err(|_| StoreError::Corrupt("directory"))?;
    let json = serde_json::to_string(entry).expect("an entry is plain data");
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
