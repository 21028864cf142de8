//! The statements of the keys, for both engines.

use async_trait::async_trait;
use messages::encoding::Fixed;
use service_kit::db::migrator;
use sqlx::Row as _;

use super::{Database, EngineRow, OpenError, SCRIPTS};
use crate::randomness::{
    domain::{InstanceName, Position, StateFacts, StateId, StoredState},
    store::{Store, StoreError},
};

#[cfg(test)]
mod tests;

/// The keys in a database of its engine.
#[derive(Clone, Debug)]
pub struct TableStore {
    db: Database,
}

impl TableStore {
    /// Opens the database at `url`. In SQLite, brings its schema up to date.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let db = Database::open(url, &migrator(SCRIPTS)).await?;
        Ok(Self { db })
    }
}

#[async_trait]
impl Store for TableStore {
    async fn state_id(&self, instance: &InstanceName) -> Result<Option<StateId>, StoreError> {
        let row = sqlx::query("SELECT state_id FROM epoch_keys WHERE instance = $1")
            .bind(instance.as_str())
            .fetch_optional(self.db.readers())
            .await?;
        row.map(|row| state_id(&row)).transpose()
    }

    async fn state(&self, instance: &InstanceName) -> Result<Option<StoredState>, StoreError> {
        let row = sqlx::query("SELECT * FROM epoch_keys WHERE instance = $1")
            .bind(instance.as_str())
            .fetch_optional(self.db.readers())
            .await?;
        row.map(|row| read(&row)).transpose()
    }

    async fn states(&self) -> Result<Vec<StoredState>, StoreError> {
        let rows = sqlx::query("SELECT * FROM epoch_keys ORDER BY instance")
            .fetch_all(self.db.readers())
            .await?;
        rows.iter().map(read).collect()
    }

    async fn create(&self, state: &StoredState) -> Result<bool, StoreError> {
        let StateFacts {
            instance,
            schedule,
            id,
            position,
        } = &state.facts;
        let mut tx = self.db.begin().await?;
        let done = sqlx::query(
            "INSERT INTO epoch_keys (instance, schedule, state_id, position, data_key, state)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (instance) DO NOTHING",
        )
        .bind(instance.as_str())
        .bind(schedule)
        .bind(id.as_bytes().as_slice())
        .bind(stored_position(*position)?)
        .bind(&state.data_key)
        .bind(&state.state)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    async fn replace(&self, old: &StateId, new: &StoredState) -> Result<bool, StoreError> {
        let StateFacts {
            instance,
            schedule,
            id,
            position,
        } = &new.facts;
        let mut tx = self.db.begin().await?;
        let done = sqlx::query(
            "UPDATE epoch_keys
             SET schedule = $1, state_id = $2, position = $3, data_key = $4, state = $5
             WHERE instance = $6 AND state_id = $7",
        )
        .bind(schedule)
        .bind(id.as_bytes().as_slice())
        .bind(stored_position(*position)?)
        .bind(&new.data_key)
        .bind(&new.state)
        .bind(instance.as_str())
        .bind(old.as_bytes().as_slice())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    async fn forget_deleted(&self) -> Result<(), StoreError> {
        Ok(self.db.forget_deleted().await?)
    }

    async fn check(&self) -> anyhow::Result<()> {
        Ok(self.db.check().await?)
    }

    async fn close(&self) {
        self.db.close().await;
    }
}

fn read(row: &EngineRow) -> Result<StoredState, StoreError> {
    let instance: &str = row.try_get("instance")?;
    let position: i64 = row.try_get("position")?;
    Ok(StoredState {
        facts: StateFacts {
            instance: instance
                .parse()
                .map_err(|_| StoreError::Corrupt("instance"))?,
            schedule: row.try_get("schedule")?,
            id: state_id(row)?,
            position: u64::try_from(position)
                .map(Position)
                .map_err(|_| StoreError::Corrupt("position"))?,
        },
        data_key: row.try_get("data_key")?,
        state: row.try_get("state")?,
    })
}

fn state_id(row: &EngineRow) -> Result<StateId, StoreError> {
    let bytes: &[u8] = row.try_get("state_id")?;
    let bytes = bytes.try_into();
    bytes
        .map(Fixed)
        .map_err(|_| StoreError::Corrupt("state_id"))
}

fn stored_position(position: Position) -> Result<i64, StoreError> {
    i64::try_from(position.0).map_err(|_| StoreError::Corrupt("position"))
}
