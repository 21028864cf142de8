//! What is kept: issuers, their sealed keys, the key directory, and the registry of spent tokens.
//!
//! One method is one transaction. What is decided in a transaction is decided by
//! [`crate::domain`], so that the engines cannot differ in it; [`contract`] is the suite that every
//! engine must pass.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use messages::{
    KeyId,
    directory::{CheckedChange, Entry},
};
#[cfg(not(feature = "postgres"))]
use service_kit::db::NoEngine;
use service_kit::db::{self, Engine, Schema};

use crate::{
    Rules,
    domain::{
        Claim, Found, Issuer, IssuerKey, IssuerName, KeyChanged, KeyFacts, NewKey, SealedKey,
        SigningId, Spend, VerifiedRedemption,
    },
};

pub mod contract;
#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;

#[cfg(feature = "postgres")]
pub use postgres::PostgresStore;
pub use sqlite::SqliteStore;

/// Opens the store at `url`, on the engine that it names.
pub async fn open(url: &str, rules: Rules) -> anyhow::Result<Arc<dyn Store>> {
    Ok(match Engine::of(url)? {
        #[cfg(feature = "postgres")]
        Engine::Postgres => Arc::new(PostgresStore::open(url, rules).await?),
        #[cfg(not(feature = "postgres"))]
        Engine::Postgres => return Err(NoEngine::NotBuilt.into()),
        Engine::Sqlite => Arc::new(SqliteStore::open(url, rules).await?),
    })
}

/// The tables.
pub(crate) const SCHEMA: Schema = Schema {
    sqlite: &[include_str!(
        "../../../migrations/challenge-bypass/sqlite/0001_registry.sql"
    )],
    postgres: &[include_str!(
        "../../../migrations/challenge-bypass/postgres/0001_registry.sql"
    )],
};

/// Brings the tables at `url` up to date; in PostgreSQL, `url` is that of the role which owns them.
pub async fn migrate(url: &str) -> anyhow::Result<()> {
    db::migrate(url, SCHEMA).await
}

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// What is stored is not what this program writes.
    #[error("the stored {0} cannot be read")]
    Corrupt(&'static str),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// What came of adding an issuer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Created {
    /// It was there already, perhaps with other terms.
    Exists(Issuer),
    /// It is new, and has its first key.
    New,
}

/// What came of adding a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Added {
    /// It was added and stands in the directory.
    New,
    /// A key that signs at the same time was there first.
    Overlaps,
}

/// A key as it is stored: with its secret, until that is deleted.
#[derive(Clone, Debug)]
pub struct StoredKey {
    /// What never changes.
    pub facts: KeyFacts,
    /// Whether it was revoked.
    pub revoked: bool,
    /// Its sealed secret.
    pub sealed: Option<SealedKey>,
}

/// A signing request that is to be counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Signing {
    /// Its name.
    pub id: SigningId,
    /// The key that signed it.
    pub key: KeyId,
    /// How many tokens it has.
    pub tokens: u64,
}

/// What came of counting a signing request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum Counted {
    /// It is counted now.
    Now,
    /// It had been counted for this key: nothing was written.
    Before(KeyId),
    /// It had been counted for a key that was revoked, and more of that key's tokens are redeemed than would then be
    /// left: nothing was written.
    Inconsistent,
    /// The key was revoked meanwhile: nothing was written.
    Revoked,
}

/// The database of challenge-bypass.
#[async_trait]
pub trait Store: Send + Sync {
    /// Adds an issuer with its first key, and the key to the directory.
    async fn create_issuer(&self, issuer: &Issuer, first: &NewKey) -> Result<Created, StoreError>;

    /// All issuers.
    async fn issuers(&self) -> Result<Vec<Issuer>, StoreError>;

    /// An issuer with all its keys, oldest first.
    async fn issuer(
        &self,
        name: &IssuerName,
    ) -> Result<Option<(Issuer, Vec<IssuerKey>)>, StoreError>;

    /// Adds a key, and its line to the directory, unless it overlaps another key of the issuer that
    /// was not revoked.
    async fn add_key(&self, key: &NewKey) -> Result<Added, StoreError>;

    /// Revokes a key, deletes its secret, and says so in the directory. Once; a repeat changes
    /// nothing. `None` when there is no such key.
    async fn revoke_key(&self, key: KeyId) -> Result<Option<IssuerName>, StoreError>;

    /// A key with its secret.
    async fn key(&self, key: KeyId) -> Result<Option<StoredKey>, StoreError>;

    /// All keys that still have a secret.
    async fn secrets(&self) -> Result<Vec<StoredKey>, StoreError>;

    /// Replaces the sealed forms of secrets, all of them or none. A secret that was deleted
    /// meanwhile stays deleted. Returns how many were replaced.
    async fn reseal(&self, sealed: &[(KeyId, SealedKey)]) -> Result<u64, StoreError>;

    /// Counts signing requests. Those with the name of an earlier one are not counted again, unless
    /// that one's key was revoked: its tokens are worth nothing, and are taken from its total.
    async fn count_signings(&self, batch: &[Signing]) -> Result<Vec<Counted>, StoreError>;

    /// What is known about each claim. No transaction: only a claim that is wholly spent or unspent
    /// by the time it is written counts.
    async fn look_up(&self, claims: &[Arc<Claim>]) -> Result<Vec<Found>, StoreError>;

    /// Spends the tokens of each redemption, or none of them, and counts them for its key.
    ///
    /// Of several redemptions that share a token, in whatever order and however close together, at
    /// most one is [`Spend::First`].
    async fn spend(
        &self,
        batch: &[VerifiedRedemption],
        day: NaiveDate,
    ) -> Result<Vec<Spend>, StoreError>;

    /// The key directory since index 0.
    async fn directory(&self) -> Result<Vec<Entry>, StoreError>;

    /// Puts back those of the directory's `entries` that are not stored, with the keys of which they tell, whose secrets
    /// are lost. `false`, and nothing is written: they do not go on from what is stored, or an issuer is not here.
    async fn restore_directory(&self, entries: &[Entry]) -> Result<bool, StoreError>;

    /// Says in the directory that its key was changed, unless the new one is in force already or the
    /// change does not go on from those before it.
    async fn change_directory_key(&self, change: &CheckedChange) -> Result<KeyChanged, StoreError>;

    /// Deletes the secrets of keys whose `redeem_until` is before `time`. Returns how many.
    async fn forget_secrets(&self, time: DateTime<Utc>) -> Result<u64, StoreError>;

    /// Deletes redemptions and signing requests of keys whose `redeem_until` is before `time`: up to
    /// `rows_max`, or all redemptions of one key where they cost no more. Returns whether some may be
    /// left.
    async fn forget_redemptions(
        &self,
        time: DateTime<Utc>,
        rows_max: u32,
    ) -> Result<bool, StoreError>;

    /// Makes what was deleted, and the order of what was written, unreadable in the database's files.
    async fn forget_deleted(&self) -> Result<(), StoreError>;

    /// Whether the database answers; if not, what to do.
    async fn check(&self) -> anyhow::Result<()>;

    /// Closes the database; what is committed stays.
    async fn close(&self);
}
