//! The statements of the aggregator's database, for both engines.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use service_kit::{
    db::migrator,
    event_log::{Offset, Partition},
    lease::{Claim, Lease},
    outbox::{Outbox, Row as OutboxRow, as_it_stands},
};
use sqlx::Row as _;

use super::{
    Connection, Database, EngineRow, OpenError, SCRIPTS, TableOutbox, insert_all, leases, text,
};
use crate::{
    aggregate::store::{
        Changes, Claimed, Counts, Dropped, ExpiredLabel, KeptGroup, Pending, Result, Slot, Span,
        Store, StoreError, Taken, WaitingGroup,
    },
    domain::group::{GroupId, LabelId, NAME_BYTES, SeenId},
};

mod batches;
mod epochs;
mod pending;

use batches::{names, rows};

/// Those of the groups of 16 bytes in `$1` that are kept. `CROSS JOIN` keeps SQLite to the order.
const GROUPS: &str = "
    WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2)
    SELECT id, secret, waiting, waiting_bytes, tried
    FROM n CROSS JOIN star_group WHERE id = substr($1, 16 * n.i + 1, 16)";

/// Those of the labels of 16 bytes in `$1` that are kept.
const LABELS: &str = "
    WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2)
    SELECT id, opened, deeper, reported
    FROM n CROSS JOIN star_label WHERE id = substr($1, 16 * n.i + 1, 16)";

/// Those of the messages of 16 bytes in `$1` that were counted.
const SEEN: &str = "
    WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2)
    SELECT id FROM n CROSS JOIN star_seen
    WHERE slot = $3 AND epoch = $4 AND id = substr($1, 16 * n.i + 1, 16)";

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

    /// The rows of `statement`, which takes names and how many there are. None, without asking, for no names.
    async fn named(&self, statement: &'static str, ids: Vec<u8>) -> Result<Vec<EngineRow>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = rows(&ids);
        let found = sqlx::query(statement)
            .bind(ids)
            .bind(rows)
            .fetch_all(self.db.readers())
            .await?;
        Ok(found)
    }
}

#[async_trait]
impl Store for TableStore {
    async fn is_known_log(&self, identity: &str) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let remember =
            "INSERT INTO consumer_log (one, identity) VALUES (0, $1) ON CONFLICT DO NOTHING";
        sqlx::query(remember)
            .bind(identity)
            .execute(&mut *tx)
            .await?;
        let known = "SELECT identity FROM consumer_log";
        let row = sqlx::query(known).fetch_one(&mut *tx).await?;
        tx.commit().await?;
        Ok(row.try_get::<String, _>("identity")? == identity)
    }

    async fn claim(
        &self,
        topic: &str,
        partition: Partition,
        claim: Claim,
    ) -> Result<Option<Claimed>> {
        let name = format!("read:{topic}/{partition}");
        let mut tx = self.db.begin().await?;
        let Some(lease) = leases::take(&mut tx, &name, claim).await? else {
            return Ok(None);
        };
        // Transactions that write come one after the other: no other takes the same number.
        let row = sqlx::query(
            "INSERT INTO star_slot (id, topic, partition, next_offset)
             VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM star_slot), $1, $2, 0)
             ON CONFLICT (topic, partition) DO UPDATE SET topic = $1
             RETURNING id, next_offset, epochs_closed",
        )
        .bind(topic)
        .bind(i64::from(partition))
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Some(Claimed {
            lease,
            slot: Slot(row.try_get("id")?),
            position: count(&row, "next_offset")?,
            epochs_closed: count(&row, "epochs_closed")?,
        }))
    }

    async fn release(&self, lease: &Lease) -> Result<()> {
        let mut tx = self.db.begin().await?;
        leases::release(&mut tx, lease).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn groups(&self, ids: &[GroupId]) -> Result<HashMap<GroupId, KeptGroup>> {
        let found = self.named(GROUPS, names(ids.iter().map(|id| id.0))).await?;
        let groups = found.iter().map(|row| {
            let kept = KeptGroup {
                secret: row.try_get("secret")?,
                waiting: count(row, "waiting")?,
                waiting_bytes: count(row, "waiting_bytes")?,
                tried: count(row, "tried")?,
            };
            Ok((GroupId(name(row)?), kept))
        });
        groups.collect()
    }

    async fn waiting(&self, id: GroupId) -> Result<Vec<Bytes>> {
        let found = sqlx::query(
            "SELECT bodies FROM star_waiting WHERE group_id = $1 ORDER BY first_offset",
        )
        .bind(id.0.to_vec())
        .fetch_all(self.db.readers())
        .await?;
        let packed = found.iter().map(|row| {
            let bodies: Vec<u8> = row.try_get("bodies")?;
            Ok(bodies.into())
        });
        packed.collect()
    }

    async fn labels(&self, ids: &[LabelId]) -> Result<HashMap<LabelId, Counts>> {
        let found = self.named(LABELS, names(ids.iter().map(|id| id.0))).await?;
        let labels = found
            .iter()
            .map(|row| Ok((LabelId(name(row)?), counts(row)?)));
        labels.collect()
    }

    async fn seen(&self, slot: Slot, epoch: u64, ids: &[SeenId]) -> Result<Vec<SeenId>> {
        let ids = names(ids.iter().map(|id| id.0));
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = rows(&ids);
        let found = sqlx::query(SEEN)
            .bind(ids)
            .bind(rows)
            .bind(slot.0)
            .bind(int(epoch)?)
            .fetch_all(self.db.readers())
            .await?;
        found.iter().map(|row| Ok(SeenId(name(row)?))).collect()
    }

    async fn store(&self, span: Span, changes: &Changes) -> Result<Taken> {
        let mut tx = self.db.begin().await?;
        if !batches::advance(&mut tx, span).await? {
            return Ok(Taken::Overtaken);
        }
        batches::store(&mut tx, span, changes).await?;
        tx.commit().await?;
        Ok(Taken::Stored)
    }

    async fn pending_messages(&self, topic: &str) -> Result<u64> {
        pending::messages(&self.db, topic).await
    }

    async fn oldest_epoch(&self, topic: &str) -> Result<Option<u64>> {
        pending::oldest_epoch(&self.db, topic).await
    }

    async fn pending(&self, slot: Slot) -> Result<Vec<Pending>> {
        pending::pending(&self.db, slot).await
    }

    async fn closed(
        &self,
        slot: Slot,
        epoch: u64,
        after: Option<GroupId>,
        limit: u32,
    ) -> Result<Vec<WaitingGroup>> {
        pending::closed(&self.db, slot, epoch, after, limit).await
    }

    async fn drop_closed(
        &self,
        slot: Slot,
        at: Offset,
        epoch: u64,
        groups: &[WaitingGroup],
    ) -> Result<Taken> {
        pending::drop_closed(&self.db, slot, at, epoch, groups).await
    }

    async fn raise_level(&self, slot: Slot, epoch: u64, level: u8) -> Result<()> {
        pending::set_level(&self.db, pending::RAISE, (slot, epoch, level)).await
    }

    async fn swept(&self, slot: Slot, epoch: u64, level: u8) -> Result<()> {
        pending::set_level(&self.db, pending::SWEPT, (slot, epoch, level)).await
    }

    async fn epochs(&self, slot: Slot) -> Result<Vec<u64>> {
        epochs::epochs(&self.db, slot).await
    }

    async fn expired(
        &self,
        slot: Slot,
        epoch: u64,
        after: Option<LabelId>,
        limit: u32,
    ) -> Result<Vec<ExpiredLabel>> {
        epochs::expired(&self.db, slot, epoch, after, limit).await
    }

    async fn close_epoch(&self, slot: Slot, at: Offset, epoch: u64) -> Result<Taken> {
        epochs::close(&self.db, slot, at, epoch).await
    }

    async fn report_rest(
        &self,
        slot: Slot,
        at: Offset,
        labels: &[LabelId],
        reports: &[OutboxRow],
    ) -> Result<Taken> {
        epochs::report_rest(&self.db, (slot, at), labels, reports).await
    }

    async fn has_groups(&self, slot: Slot, epoch: u64) -> Result<bool> {
        epochs::has_groups(&self.db, slot, epoch).await
    }

    async fn drop_rows(&self, slot: Slot, at: Offset, epoch: u64, limit: u32) -> Result<Dropped> {
        epochs::drop_rows(&self.db, (slot, at), epoch, limit).await
    }

    async fn dead_letters(&self, slot: Slot) -> Result<Vec<(String, u64)>> {
        let found = sqlx::query(
            "SELECT reason, COUNT(*) AS letters FROM star_dead_letter
             WHERE slot = $1 GROUP BY reason ORDER BY reason",
        )
        .bind(slot.0)
        .fetch_all(self.db.readers())
        .await?;
        let letters = found
            .iter()
            .map(|row| Ok((row.try_get("reason")?, count(row, "letters")?)));
        letters.collect()
    }

    async fn positions(&self, topic: &str) -> Result<Vec<(Partition, Offset)>> {
        let found = sqlx::query(
            "SELECT partition, next_offset FROM star_slot WHERE topic = $1 ORDER BY partition",
        )
        .bind(topic)
        .fetch_all(self.db.readers())
        .await?;
        let positions = found.iter().map(|row| {
            let partition = u32::try_from(count(row, "partition")?)
                .map_err(|_| StoreError::Corrupt("a partition"))?;
            Ok((partition, count(row, "next_offset")?))
        });
        positions.collect()
    }

    async fn check(&self) -> anyhow::Result<()> {
        Ok(self.db.check().await?)
    }

    fn outbox(&self) -> Arc<dyn Outbox> {
        Arc::new(TableOutbox::new(self.db.clone(), as_it_stands()))
    }

    async fn close(&self) {
        self.db.close().await;
    }
}

/// Both engines' integers are signed; counts, offsets and epochs are not.
fn int(value: u64) -> Result<i64> {
    i64::try_from(value).map_err(|_| StoreError::Corrupt("a number above 2^63"))
}

fn count(row: &EngineRow, column: &str) -> Result<u64> {
    let value: i64 = row.try_get(column)?;
    u64::try_from(value).map_err(|_| StoreError::Corrupt("a negative number"))
}

fn counts(row: &EngineRow) -> Result<Counts> {
    Ok(Counts {
        opened: count(row, "opened")?,
        deeper: count(row, "deeper")?,
        reported: count(row, "reported")?,
    })
}

fn name(row: &EngineRow) -> Result<[u8; NAME_BYTES]> {
    let bytes: Vec<u8> = row.try_get("id")?;
    bytes
        .try_into()
        .map_err(|_| StoreError::Corrupt("a name of another length"))
}

#[cfg(test)]
mod tests;
