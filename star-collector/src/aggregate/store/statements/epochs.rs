//! The end of an epoch: its last reports, and its rows.

use service_kit::{event_log::Offset, outbox::Row as OutboxRow};
use sqlx::Row as _;

use super::{
    Connection, Database, EngineRow, batches,
    batches::{names, rows},
    count, counts, insert_all, int, name, pending,
};
use crate::{
    aggregate::store::{
        Dropped, ExpiredLabel, Result, Slot, Span, StoreError, Taken, WaitingGroup,
    },
    domain::{group::LabelId, sampling::KEY_BYTES},
};

/// Counts as reported what the labels of 16 bytes in `$1` have left.
const REPORT_REST: &str = "
    WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2)
    UPDATE star_label SET reported = opened - deeper
    WHERE reported < opened - deeper AND id IN (SELECT substr($1, 16 * i + 1, 16) FROM n)";

/// The epochs that a partition has rows of, without going through all their groups.
const EPOCHS: &str = "
    WITH RECURSIVE of_groups (epoch) AS (
        SELECT MIN(epoch) FROM star_group WHERE slot = $1
        UNION ALL
        SELECT (SELECT MIN(epoch) FROM star_group WHERE slot = $1 AND epoch > of_groups.epoch)
        FROM of_groups WHERE of_groups.epoch IS NOT NULL)
    SELECT epoch FROM of_groups WHERE epoch IS NOT NULL
    UNION SELECT epoch FROM star_pending WHERE slot = $1 ORDER BY epoch";

/// An epoch whose messages all opened at once has no such row: it gets one, which is the last to go.
const MARK: &str = "
    INSERT INTO star_pending (slot, epoch, key, level, swept, bytes, messages)
    VALUES ($1, $2, $3, 0, 0, 0, 0) ON CONFLICT (slot, epoch) DO NOTHING";

/// Some groups of an epoch. As a range and in its order, since PostgreSQL would else go through the table from its beginning, past
/// all that was dropped before.
const SOME_GROUPS: &str = "
    SELECT id, waiting, waiting_bytes FROM star_group
    WHERE (slot, epoch) >= ($1, $2) AND (slot, epoch) <= ($1, $2) ORDER BY slot, epoch LIMIT $3";

/// Some of the messages of an epoch that were counted.
const SOME_SEEN: &str =
    "SELECT id FROM star_seen WHERE slot = $1 AND epoch = $2 ORDER BY id LIMIT $3";

/// Drops the marks of 16 bytes in `$1`.
const DROP_SEEN: &str = "
    WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2)
    DELETE FROM star_seen
    WHERE slot = $3 AND epoch = $4 AND id IN (SELECT substr($1, 16 * i + 1, 16) FROM n)";

/// Some labels of an epoch.
const SOME_LABELS: &str =
    "SELECT id FROM star_label WHERE slot = $1 AND epoch = $2 ORDER BY id LIMIT $3";

/// Drops the labels of 16 bytes in `$1`.
const DROP_LABELS: &str = "
    WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2)
    DELETE FROM star_label WHERE id IN (SELECT substr($1, 16 * i + 1, 16) FROM n)";

pub(super) async fn epochs(db: &Database, slot: Slot) -> Result<Vec<u64>> {
    let found = sqlx::query(EPOCHS)
        .bind(slot.0)
        .fetch_all(db.readers())
        .await?;
    found.iter().map(|row| count(row, "epoch")).collect()
}

pub(super) async fn has_groups(db: &Database, slot: Slot, epoch: u64) -> Result<bool> {
    let found = sqlx::query(SOME_GROUPS)
        .bind(slot.0)
        .bind(int(epoch)?)
        .bind(1_i64)
        .fetch_optional(db.readers())
        .await?;
    Ok(found.is_some())
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

pub(super) async fn drop_rows(
    db: &Database,
    (slot, at): (Slot, Offset),
    epoch: u64,
    limit: u32,
) -> Result<Dropped> {
    let mut tx = db.begin().await?;
    if !is_at(&mut tx, slot, at).await? {
        return Ok(Dropped::Overtaken);
    }
    let page = Page {
        slot: slot.0,
        epoch: int(epoch)?,
        limit: limit.into(),
    };
    let dropped = if page.drop_groups(&mut tx).await?
        || page.drop_seen(&mut tx).await?
        || page.drop_labels(&mut tx).await?
    {
        Dropped::Some
    } else if page.drop_mark(&mut tx).await? {
        Dropped::All
    } else {
        return Ok(Dropped::Overtaken);
    };
    tx.commit().await?;
    Ok(dropped)
}

/// Rows of an epoch of a partition that are dropped together: of one table, and so many at most.
#[derive(Clone, Copy)]
struct Page {
    slot: i64,
    epoch: i64,
    limit: i64,
}

impl Page {
    /// Drops groups with what waits for them. `false`: there are none.
    async fn drop_groups(self, conn: &mut Connection) -> Result<bool> {
        let found = self.some(conn, SOME_GROUPS).await?;
        let groups = found.iter().map(pending::group);
        let groups: Vec<WaitingGroup> = groups.collect::<Result<_>>()?;
        let groups = WaitingGroup::page(&groups);
        if groups.is_empty() {
            return Ok(false);
        }
        sqlx::query(MARK)
            .bind(self.slot)
            .bind(self.epoch)
            .bind(vec![0_u8; KEY_BYTES])
            .execute(&mut *conn)
            .await?;
        pending::drop_groups(conn, groups).await?;
        Ok(true)
    }

    /// Drops marks of messages that were counted. `false`: there are none.
    async fn drop_seen(self, conn: &mut Connection) -> Result<bool> {
        let ids = self.names(conn, SOME_SEEN).await?;
        let rows = rows(&ids);
        if rows > 0 {
            sqlx::query(DROP_SEEN)
                .bind(ids)
                .bind(rows)
                .bind(self.slot)
                .bind(self.epoch)
                .execute(conn)
                .await?;
        }
        Ok(rows > 0)
    }

    /// Drops labels. `false`: there are none.
    async fn drop_labels(self, conn: &mut Connection) -> Result<bool> {
        let ids = self.names(conn, SOME_LABELS).await?;
        let is_some = !ids.is_empty();
        batches::by_names(conn, DROP_LABELS, ids).await?;
        Ok(is_some)
    }

    /// Drops the last row. `false`: another process did.
    async fn drop_mark(self, conn: &mut Connection) -> Result<bool> {
        let dropped = sqlx::query("DELETE FROM star_pending WHERE slot = $1 AND epoch = $2")
            .bind(self.slot)
            .bind(self.epoch)
            .execute(conn)
            .await?;
        Ok(dropped.rows_affected() == 1)
    }

    async fn names(self, conn: &mut Connection, statement: &'static str) -> Result<Vec<u8>> {
        let found = self.some(conn, statement).await?;
        let found: Result<Vec<_>> = found.iter().map(name).collect();
        Ok(names(found?.into_iter()))
    }

    async fn some(self, conn: &mut Connection, statement: &'static str) -> Result<Vec<EngineRow>> {
        let found = sqlx::query(statement)
            .bind(self.slot)
            .bind(self.epoch)
            .bind(self.limit)
            .fetch_all(conn)
            .await?;
        Ok(found)
    }
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
