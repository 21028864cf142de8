//! The votes' own database: which votes were taken, and which wait to be published.
//!
//! It holds nothing that an order has, so that no stored value joins a vote to a purchase (threat U3), and no time.
//! Of a published vote only its id is kept.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use messages::KeyId;
#[cfg(not(feature = "postgres"))]
use service_kit::db::NoEngine;
use service_kit::{
    db::{self, Engine, Schema},
    outbox::Outbox,
};

use crate::{
    domain::vote::{RedeemedVote, VoteId},
    votes::VoteRules,
};

pub mod contract;
#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;

#[cfg(feature = "postgres")]
pub use postgres::PostgresVotes;
pub use sqlite::SqliteVotes;

/// What is known before a vote's tokens are redeemed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Standing {
    /// Whether this very vote was recorded before.
    pub recorded: bool,
    /// The highest `redeemedTotal` that was ever seen of its key.
    pub redeemed_total: u64,
}

/// How many tokens of a key stand behind recorded votes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeyCount {
    /// The key.
    pub key: KeyId,
    /// Tokens of recorded votes. What was redeemed beyond that was never repeated by its client.
    pub tokens_counted: u64,
    /// The highest `redeemedTotal` that was ever seen.
    pub redeemed_total: u64,
}

/// Storage of votes. Each method is one transaction.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync {
    /// What is known of a vote and its key.
    async fn standing(&self, vote: VoteId, key: KeyId) -> sqlx::Result<Standing>;

    /// Records `votes`, all or none: for each the id, and the row to publish and the count of tokens only if the id
    /// is new. The highest `redeemedTotal` of each key is kept in either case.
    async fn record(&self, votes: &[RedeemedVote]) -> sqlx::Result<()>;

    /// The counts of all keys, in the order of the keys.
    async fn key_counts(&self) -> sqlx::Result<Vec<KeyCount>>;

    /// Forgets up to `limit` ids of votes with tokens of `key`, and answers how many there were.
    ///
    /// Only for a key whose redemptions challenge-bypass has forgotten, so that a repetition is refused there.
    async fn forget_votes(&self, key: KeyId, limit: u32) -> sqlx::Result<u64>;

    /// Leaves nothing in the database's files that tells in which order votes came, nor what was deleted.
    async fn settle(&self) -> sqlx::Result<()>;
}

/// The votes' database: the votes, and what waits to be published of them.
#[async_trait]
pub trait VotesDatabase: Store {
    /// The rows that wait to be published.
    fn outbox(&self) -> Arc<dyn Outbox>;

    /// Whether the database answers; if not, what to do.
    async fn check(&self) -> anyhow::Result<()>;

    /// Closes the database; what is committed stays.
    async fn close(&self);
}

/// Opens the database at `url`, on the engine that it names. Votes are published to `topic`.
pub async fn open(
    url: &str,
    topic: String,
    rules: VoteRules,
) -> anyhow::Result<Arc<dyn VotesDatabase>> {
    Ok(match Engine::of(url)? {
        #[cfg(feature = "postgres")]
        Engine::Postgres => Arc::new(PostgresVotes::open(url, topic, rules).await?),
        #[cfg(not(feature = "postgres"))]
        Engine::Postgres => return Err(NoEngine::NotBuilt.into()),
        Engine::Sqlite => Arc::new(SqliteVotes::open(url, topic, rules).await?),
    })
}

/// The tables.
pub(crate) const SCHEMA: Schema = Schema {
    sqlite: &[
        include_str!("../../../../migrations/payments-votes/sqlite/0001_votes.sql"),
        include_str!("../../../../migrations/payments-votes/sqlite/0002_slots.sql"),
    ],
    postgres: &[
        include_str!("../../../../migrations/payments-votes/postgres/0001_votes.sql"),
        include_str!("../../../../migrations/payments-votes/postgres/0002_slots.sql"),
    ],
};

/// Brings the tables at `url` up to date; in PostgreSQL, `url` is that of the role which owns them.
pub async fn migrate(url: &str) -> anyhow::Result<()> {
    db::migrate(url, SCHEMA).await
}
