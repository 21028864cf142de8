//! What waits of each epoch, and what is dropped of it.

use service_kit::event_log::Offset;

use super::{
    Connection, Database, EngineRow, batches, batches::names, count, epochs::is_at, int, name,
};
use crate::{
    aggregate::store::{Pending, PendingChange, Result, Slot, StoreError, Taken, WaitingGroup},
    domain::{group::GroupId, sampling::Sampling},
};
use sqlx::Row as _;

/// Drops the groups of 16 bytes in `$1`.
const DROP_GROUPS: &str = "
    WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2)
    DELETE FROM star_group WHERE id IN (SELECT substr($1, 16 * i + 1, 16) FROM n)";

pub(super) async fn store(
    conn: &mut Connection,
    slot: Slot,
    changes: &[PendingChange],
) -> Result<()> {
    for change in changes {
        let updated = sqlx::query(
            "UPDATE star_pending SET level = $3, bytes = bytes + $4, messages = messages + $5
             WHERE slot = $1 AND epoch = $2",
        )
        .bind(slot.0)
        .bind(int(change.epoch)?)
        .bind(i64::from(change.sampling.level()))
        .bind(change.added.bytes)
        .bind(change.added.messages)
        .execute(&mut *conn)
        .await?;
        if updated.rows_affected() == 1 {
            continue;
        }
        // Groups that are not kept were turned away from the beginning: nothing is left to drop.
        sqlx::query(
            "INSERT INTO star_pending (slot, epoch, key, level, swept, bytes, messages)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(slot.0)
        .bind(int(change.epoch)?)
        .bind(change.sampling.key().to_vec())
        .bind(i64::from(change.sampling.level()))
        .bind(i64::from(change.sampling.level()))
        .bind(change.added.bytes)
        .bind(change.added.messages)
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

pub(super) async fn messages(db: &Database, topic: &str) -> Result<u64> {
    let row = sqlx::query(
        "SELECT CAST(COALESCE(SUM(messages), 0) AS BIGINT) AS messages FROM star_pending
         WHERE slot IN (SELECT id FROM star_slot WHERE topic = $1)",
    )
    .bind(topic)
    .fetch_one(db.readers())
    .await?;
    count(&row, "messages")
}

pub(super) async fn oldest_epoch(db: &Database, topic: &str) -> Result<Option<u64>> {
    let row = sqlx::query(
        "SELECT MIN(oldest) AS epoch FROM (
             SELECT (SELECT MIN(epoch) FROM star_group WHERE slot = star_slot.id) AS oldest
             FROM star_slot WHERE topic = $1
             UNION SELECT MIN(epoch) FROM star_pending
             WHERE slot IN (SELECT id FROM star_slot WHERE topic = $1)) AS of_slots",
    )
    .bind(topic)
    .fetch_one(db.readers())
    .await?;
    let epoch: Option<i64> = row.try_get("epoch")?;
    Ok(epoch.and_then(|epoch| u64::try_from(epoch).ok()))
}

pub(super) async fn pending(db: &Database, slot: Slot) -> Result<Vec<Pending>> {
    let found = sqlx::query(
        "SELECT slot, epoch, key, level, swept, messages, bytes FROM star_pending WHERE slot IN (
             SELECT id FROM star_slot WHERE topic = (SELECT topic FROM star_slot WHERE id = $1))
         ORDER BY epoch, slot",
    )
    .bind(slot.0)
    .fetch_all(db.readers())
    .await?;
    found.iter().map(read).collect()
}

fn read(row: &EngineRow) -> Result<Pending> {
    let level =
        |column| u8::try_from(count(row, column)?).map_err(|_| StoreError::Corrupt("a level"));
    let key: Vec<u8> = row.try_get("key")?;
    let key = key.try_into().map_err(|_| StoreError::Corrupt("a key"))?;
    let sampling = Sampling::stored(key, level("level")?);
    Ok(Pending {
        slot: Slot(row.try_get("slot")?),
        epoch: count(row, "epoch")?,
        sampling: sampling.ok_or(StoreError::Corrupt("a level"))?,
        swept: level("swept")?,
        messages: count(row, "messages")?,
        bytes: count(row, "bytes")?,
    })
}

pub(super) async fn closed(
    db: &Database,
    slot: Slot,
    epoch: u64,
    after: Option<GroupId>,
    limit: u32,
) -> Result<Vec<WaitingGroup>> {
    let found = sqlx::query(
        "SELECT id, waiting, waiting_bytes FROM star_group
         WHERE slot = $1 AND epoch = $2 AND secret IS NULL AND id > $3 ORDER BY id LIMIT $4",
    )
    .bind(slot.0)
    .bind(int(epoch)?)
    .bind(after.map_or_else(Vec::new, |id| id.0.to_vec()))
    .bind(i64::from(limit))
    .fetch_all(db.readers())
    .await?;
    found.iter().map(group).collect()
}

pub(super) fn group(row: &EngineRow) -> Result<WaitingGroup> {
    Ok(WaitingGroup {
        id: GroupId(name(row)?),
        messages: count(row, "waiting")?,
        bytes: count(row, "waiting_bytes")?,
    })
}

pub(super) async fn drop_closed(
    db: &Database,
    slot: Slot,
    at: Offset,
    epoch: u64,
    groups: &[WaitingGroup],
) -> Result<Taken> {
    let mut tx = db.begin().await?;
    if !is_at(&mut tx, slot, at).await? {
        return Ok(Taken::Overtaken);
    }
    drop_groups(&mut tx, groups).await?;
    let bytes: u64 = groups.iter().map(|group| group.bytes).sum();
    let messages: u64 = groups.iter().map(|group| group.messages).sum();
    sqlx::query(
        "UPDATE star_pending SET bytes = bytes - $3, messages = messages - $4
         WHERE slot = $1 AND epoch = $2",
    )
    .bind(slot.0)
    .bind(int(epoch)?)
    .bind(int(bytes)?)
    .bind(int(messages)?)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(Taken::Stored)
}

/// Drops groups with all that waits for them.
pub(super) async fn drop_groups(conn: &mut Connection, groups: &[WaitingGroup]) -> Result<()> {
    let ids = names(groups.iter().map(|group| group.id.0));
    batches::by_names(conn, batches::DROP_WAITING, ids.clone()).await?;
    batches::by_names(conn, DROP_GROUPS, ids).await
}

/// Raises the level of an epoch's sampling.
pub(super) const RAISE: &str =
    "UPDATE star_pending SET level = $3 WHERE slot = $1 AND epoch = $2 AND level < $3";

/// Remembers at which level groups were dropped.
pub(super) const SWEPT: &str =
    "UPDATE star_pending SET swept = $3 WHERE slot = $1 AND epoch = $2 AND swept < $3";

/// Runs a statement that sets a level of an epoch.
pub(super) async fn set_level(
    db: &Database,
    statement: &'static str,
    (slot, epoch, level): (Slot, u64, u8),
) -> Result<()> {
    let mut tx = db.begin().await?;
    sqlx::query(statement)
        .bind(slot.0)
        .bind(int(epoch)?)
        .bind(i64::from(level))
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(())
}
