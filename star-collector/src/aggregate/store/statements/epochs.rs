//! The end of an epoch: its last reports, and its rows.

use service_kit::{event_log::Offset, outbox::Row as OutboxRow};
use sqlx::Row as _;

use super::{
    Connection, Database, batches,
    batches::{names, rows},
    count, counts, insert_all, int, name,
};
use crate::{
    aggregate::store::{ExpiredLabel, Result, Slot, Span, StoreError, Taken},
    domain::group::LabelId,
};

/// Counts as reported what the labels of 16 bytes in `$1` have left.
const REPORT_REST: &str = "
    WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2)
    UPDATE star_label SET reported = opened - deeper
    WHERE reported < opened - deeper AND id IN (SELECT substr($1, 16 * i + 1, 16) FROM n)";

/// Drops the rows of an epoch of a partition. One that has none was dropped by another process.
const DROP_EPOCH: [&str; 5] = [
    "DELETE FROM star_waiting WHERE group_id IN
         (SELECT id FROM star_group WHERE slot = $1 AND epoch = $2)",
    "DELETE FROM star_label WHERE slot = $1 AND epoch = $2",
    "DELETE FROM star_seen WHERE slot = $1 AND epoch = $2",
    "DELETE FROM star_group WHERE slot = $1 AND epoch = $2",
    "DELETE FROM star_pending WHERE slot = $1 AND epoch = $2",
];

pub(super) async fn epochs(db: &Database, slot: Slot) -> Result<Vec<u64>> {
    let found = sqlx::query(
        "SELECT epoch FROM star_group WHERE slot = $1
         UNION SELECT epoch FROM star_pending WHERE slot = $1 ORDER BY epoch",
    )
    .bind(slot.0)
    .fetch_all(db.readers())
    .await?;
    found.iter().map(|row| count(row, "epoch")).collect()
}

pub(super) async fn expired(
    db: &Database,
    slot: Slot,
    epoch: u64,
    after: Option<LabelId>,
    limit: u32,
) -> Result<Vec<ExpiredLabel>> {
    let found = sqlx::query(
        "SELECT id, path, threshold, opened, deeper, reported FROM star_label
         WHERE slot = $1 AND epoch = $2 AND id > $3 ORDER BY id LIMIT $4",
    )
    .bind(slot.0)
    .bind(int(epoch)?)
    .bind(after.map_or_else(Vec::new, |id| id.0.to_vec()))
    .bind(i64::from(limit))
    .fetch_all(db.readers())
    .await?;
    let labels = found.iter().map(|row| {
        Ok(ExpiredLabel {
            id: LabelId(name(row)?),
            path: row.try_get("path")?,
            threshold: u32::try_from(count(row, "threshold")?)
                .map_err(|_| StoreError::Corrupt("a threshold"))?,
            counts: counts(row)?,
        })
    });
    labels.collect()
}

pub(super) async fn close(db: &Database, slot: Slot, at: Offset, epoch: u64) -> Result<Taken> {
    let mut tx = db.begin().await?;
    if !is_at(&mut tx, slot, at).await? {
        return Ok(Taken::Overtaken);
    }
    sqlx::query("UPDATE star_slot SET epochs_closed = $2 WHERE id = $1 AND epochs_closed < $2")
        .bind(slot.0)
        .bind(int(epoch + 1)?)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(Taken::Stored)
}

pub(super) async fn report_rest(
    db: &Database,
    (slot, at): (Slot, Offset),
    labels: &[LabelId],
    reports: &[OutboxRow],
) -> Result<Taken> {
    let mut tx = db.begin().await?;
    if !is_at(&mut tx, slot, at).await? {
        return Ok(Taken::Overtaken);
    }
    let ids = names(labels.iter().map(|label| label.0));
    let rows = rows(&ids);
    let counted = sqlx::query(REPORT_REST)
        .bind(ids)
        .bind(rows)
        .execute(&mut *tx)
        .await?;
    if i64::try_from(counted.rows_affected()).ok() != Some(rows) {
        return Ok(Taken::Overtaken);
    }
    if let Some(first) = reports.first() {
        insert_all(&mut tx, &first.topic, reports).await?;
    }
    tx.commit().await?;
    Ok(Taken::Stored)
}

pub(super) async fn expire(db: &Database, slot: Slot, at: Offset, epoch: u64) -> Result<Taken> {
    let mut tx = db.begin().await?;
    if !is_at(&mut tx, slot, at).await? {
        return Ok(Taken::Overtaken);
    }
    let mut rows = 0;
    for statement in DROP_EPOCH {
        let dropped = sqlx::query(statement)
            .bind(slot.0)
            .bind(int(epoch)?)
            .execute(&mut *tx)
            .await?;
        rows += dropped.rows_affected();
    }
    if rows == 0 {
        return Ok(Taken::Overtaken);
    }
    tx.commit().await?;
    Ok(Taken::Stored)
}

/// Whether the position of a partition is still `at`. Until the transaction ends, nobody moves it.
pub(super) async fn is_at(conn: &mut Connection, slot: Slot, at: Offset) -> Result<bool> {
    let span = Span {
        slot,
        from: at,
        to: at,
    };
    batches::advance(conn, span).await
}
