//! The statements of the registry, for both engines.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use messages::{
    KeyId,
    directory::{CheckedChange, Entry, Event},
};

use service_kit::db::migrator;

use self::redemptions::Before;
use super::{
    Connection, Database, EngineRow, OpenError, SCRIPTS, begin_redemptions, forget_redemptions,
};
use crate::{
    Rules,
    domain::{
        Claim, Found, Issuer, IssuerKey, IssuerName, KeyChanged, KeyFacts, NewKey, SealedKey,
        Spend, VerifiedRedemption,
    },
    store::{Added, Counted, Created, Signing, Store, StoreError, StoredKey},
};

mod directory;
mod issuers;
mod keys;
mod packed;
mod redemptions;
mod retention;
mod signings;
#[cfg(test)]
mod tests;

/// The registry in a database of its engine.
#[derive(Clone, Debug)]
pub struct TableStore {
    db: Database,
    rules: Rules,
}

impl TableStore {
    /// Opens the database at `url` and brings its schema up to date.
    pub async fn open(url: &str, rules: Rules) -> Result<Self, OpenError> {
        let db = Database::open(url, &migrator(SCRIPTS)).await?;
        Ok(Self { db, rules })
    }
}

#[async_trait]
impl Store for TableStore {
    async fn create_issuer(&self, issuer: &Issuer, first: &NewKey) -> Result<Created, StoreError> {
        let mut tx = self.db.begin().await?;
        if let Some(found) = issuers::find(&mut tx, &issuer.name).await? {
            return Ok(Created::Exists(found));
        }
        issuers::insert(&mut tx, issuer).await?;
        keys::insert(&mut tx, first).await?;
        begin_redemptions(&mut tx, first.facts.id()).await?;
        directory::append_added(&mut tx, issuer, &first.facts).await?;
        tx.commit().await?;
        Ok(Created::New)
    }

    async fn issuers(&self) -> Result<Vec<Issuer>, StoreError> {
        issuers::all(&mut *self.db.readers().acquire().await?).await
    }

    async fn issuer(
        &self,
        name: &IssuerName,
    ) -> Result<Option<(Issuer, Vec<IssuerKey>)>, StoreError> {
        let mut tx = self.db.begin_read().await?;
        let Some(issuer) = issuers::find(&mut tx, name).await? else {
            return Ok(None);
        };
        let keys = keys::of_issuer(&mut tx, &issuer).await?;
        Ok(Some((issuer, keys)))
    }

    async fn add_key(&self, key: &NewKey) -> Result<Added, StoreError> {
        let mut tx = self.db.begin().await?;
        let issuer = issuers::find(&mut tx, &key.facts.issuer)
            .await?
            .ok_or(StoreError::Corrupt("issuer"))?;
        let window = &key.facts.window;
        let keys = keys::of_issuer(&mut tx, &issuer).await?;
        if keys
            .iter()
            .any(|other| !other.revoked && other.facts.window.overlaps(window))
        {
            return Ok(Added::Overlaps);
        }
        keys::insert(&mut tx, key).await?;
        begin_redemptions(&mut tx, key.facts.id()).await?;
        directory::append_added(&mut tx, &issuer, &key.facts).await?;
        tx.commit().await?;
        Ok(Added::New)
    }

    async fn revoke_key(&self, key: KeyId) -> Result<Option<IssuerName>, StoreError> {
        let mut tx = self.db.begin().await?;
        let Some(stored) = keys::find(&mut tx, key).await? else {
            return Ok(None);
        };
        let name = stored.facts.issuer.clone();
        if stored.revoked {
            return Ok(Some(name));
        }
        let issuer = issuers::find(&mut tx, &name)
            .await?
            .ok_or(StoreError::Corrupt("issuer"))?;
        keys::revoke(&mut tx, key).await?;
        directory::append_revoked(&mut tx, &issuer, &stored.facts).await?;
        tx.commit().await?;
        Ok(Some(name))
    }

    async fn key(&self, key: KeyId) -> Result<Option<StoredKey>, StoreError> {
        keys::find(&mut *self.db.readers().acquire().await?, key).await
    }

    async fn secrets(&self) -> Result<Vec<StoredKey>, StoreError> {
        keys::with_secrets(&mut *self.db.readers().acquire().await?).await
    }

    async fn reseal(&self, sealed: &[(KeyId, SealedKey)]) -> Result<u64, StoreError> {
        let mut tx = self.db.begin().await?;
        let mut replaced = 0;
        for (key, sealed) in sealed {
            replaced += keys::reseal(&mut tx, *key, sealed).await?;
        }
        tx.commit().await?;
        Ok(replaced)
    }

    async fn count_signings(&self, batch: &[Signing]) -> Result<Vec<Counted>, StoreError> {
        let mut tx = self.db.begin().await?;
        let counted = signings::count(&mut tx, batch).await?;
        tx.commit().await?;
        Ok(counted)
    }

    async fn look_up(&self, claims: &[Arc<Claim>]) -> Result<Vec<Found>, StoreError> {
        let claims: Vec<&Claim> = claims.iter().map(AsRef::as_ref).collect();
        redemptions::look_up(&mut *self.db.before_write().await?, &claims).await
    }

    async fn spend(
        &self,
        batch: &[VerifiedRedemption],
        day: NaiveDate,
    ) -> Result<Vec<Spend>, StoreError> {
        // To look the tokens up again is worth it only when the counters do not decide, or somebody was faster.
        for before in [Before::Counters, Before::Everything] {
            let mut tx = self.db.begin().await?;
            let spends = redemptions::spend(&mut tx, batch, day, &self.rules, before).await?;
            if let Some(spends) = spends {
                tx.commit().await?;
                return Ok(spends);
            }
            tx.rollback().await?;
        }
        Err(StoreError::Corrupt("redemptions"))
    }

    async fn directory(&self) -> Result<Vec<Entry>, StoreError> {
        directory::all(&mut *self.db.readers().acquire().await?).await
    }

    async fn restore_directory(&self, entries: &[Entry]) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        let stored = directory::all(&mut tx).await?;
        if stored.starts_with(entries) {
            return Ok(true);
        }
        let Some(lost) = entries.strip_prefix(stored.as_slice()) else {
            return Ok(false);
        };
        for entry in lost {
            directory::put_back(&mut tx, entry).await?;
            let Some(key) = entry.issuer_key() else {
                continue;
            };
            match key.event {
                Event::Added => {
                    let facts = KeyFacts::of_entry(key).ok_or(StoreError::Corrupt("issuer"))?;
                    if issuers::find(&mut tx, &facts.issuer).await?.is_none() {
                        return Ok(false);
                    }
                    keys::insert_facts(&mut tx, &facts).await?;
                    begin_redemptions(&mut tx, facts.id()).await?;
                }
                Event::Revoked => keys::revoke(&mut tx, key.key_id).await?,
            }
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn change_directory_key(&self, change: &CheckedChange) -> Result<KeyChanged, StoreError> {
        let mut tx = self.db.begin().await?;
        let changed = directory::change_key(&mut tx, change).await?;
        tx.commit().await?;
        Ok(changed)
    }

    async fn forget_secrets(&self, time: DateTime<Utc>) -> Result<u64, StoreError> {
        let mut tx = self.db.begin().await?;
        let forgotten = retention::forget_secrets(&mut tx, time).await?;
        tx.commit().await?;
        Ok(forgotten)
    }

    async fn forget_redemptions(
        &self,
        time: DateTime<Utc>,
        rows_max: u32,
    ) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        let left = forget_redemptions(&mut tx, time, rows_max).await?;
        let signings = retention::forget_signings(&mut tx, time, left).await?;
        tx.commit().await?;
        Ok(signings == u64::from(left))
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
