//! The votes' database in SQLite.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use chrono::{NaiveDate, NaiveTime, SecondsFormat};
use messages::{KeyId, avro, avro::Record as _};
use service_kit::{
    db::{OpenError, Sqlite},
    event_log::NewRecord,
    outbox::{Row, SqliteOutbox, sqlite::insert},
};
use sqlx::{Row as _, SqliteConnection, migrate::Migrator};

use super::{KeyCount, Standing, Store};
use crate::{
    domain::vote::{RedeemedVote, VoteId},
    votes::VoteRules,
};

static MIGRATOR: Migrator = sqlx::migrate!("../migrations/payments-votes/sqlite");

/// The votes' database in an SQLite file.
#[derive(Clone)]
pub struct SqliteVotes {
    db: Sqlite,
    topic: String,
    rules: VoteRules,
}

impl SqliteVotes {
    /// Opens the database at `url`. Votes are published to `topic`.
    pub async fn open(url: &str, topic: String, rules: VoteRules) -> Result<Self, OpenError> {
        let db = Sqlite::open(url, &MIGRATOR).await?;
        Ok(Self { db, topic, rules })
    }

    /// The rows that wait to be published.
    pub fn outbox(&self) -> SqliteOutbox {
        SqliteOutbox::new(self.db.clone(), Arc::new(stamp))
    }

    /// The database itself, to close it and for whoever looks at what it keeps.
    pub fn db(&self) -> &Sqlite {
        &self.db
    }

    /// Whether the database answers.
    pub async fn check(&self) -> sqlx::Result<()> {
        sqlx::query("SELECT 1")
            .execute(self.db.readers())
            .await
            .map(drop)
    }

    /// The row that becomes the event of `vote`. Its day is filled in when it is published.
    fn row(&self, vote: &RedeemedVote) -> Row {
        let channel = vote.text.publisher.as_str();
        let event = avro::Vote {
            id: (self.rules.event_id)(vote.id).to_string(),
            kind: vote.text.kind.as_str().to_owned(),
            channel: channel.to_owned(),
            created_at: String::new(),
            base_vote_value: vote.value.to_string(),
            vote_tally: stored(vote.tokens),
            funding_source: vote.funding_source.to_string(),
        };
        Row {
            id: vote.id.0,
            topic: self.topic.clone(),
            key: channel.as_bytes().to_vec(),
            value: event.encode(),
        }
    }
}

/// Fills in the day of publication, the only time that an event has.
fn stamp(row: Row, today: NaiveDate) -> anyhow::Result<NewRecord> {
    let midnight = today.and_time(NaiveTime::MIN).and_utc();
    let mut event = avro::Vote::decode(&row.value)?;
    event.created_at = midnight.to_rfc3339_opts(SecondsFormat::Secs, true);
    Ok(NewRecord {
        topic: row.topic,
        key: row.key,
        value: event.encode(),
        timestamp: midnight,
    })
}

#[async_trait]
impl Store for SqliteVotes {
    async fn standing(&self, vote: VoteId, key: KeyId) -> sqlx::Result<Standing> {
        let row = sqlx::query(
            "SELECT EXISTS (SELECT 1 FROM vote WHERE key_id = ?1 AND vote_id = ?2),
                    coalesce((SELECT redeemed_total FROM key_count WHERE key_id = ?1), 0)",
        )
        .bind(&key.as_bytes()[..])
        .bind(&vote.0[..])
        .fetch_one(self.db.readers())
        .await?;
        Ok(Standing {
            recorded: row.get(0),
            redeemed_total: row.get::<i64, _>(1).unsigned_abs(),
        })
    }

    async fn record(&self, votes: &[RedeemedVote]) -> sqlx::Result<()> {
        let mut tx = self.db.begin().await?;
        for vote in votes {
            let new = insert_vote(&mut tx, vote).await?;
            if new {
                insert(&mut tx, &self.row(vote)).await?;
            }
            count(&mut tx, vote, if new { vote.tokens } else { 0 }).await?;
        }
        tx.commit().await
    }

    async fn key_counts(&self) -> sqlx::Result<Vec<KeyCount>> {
        let rows = sqlx::query(
            "SELECT key_id, tokens_counted, redeemed_total FROM key_count ORDER BY key_id",
        )
        .fetch_all(self.db.readers())
        .await?;
        rows.iter()
            .map(|row| {
                let key = <[u8; 16]>::try_from(row.get::<&[u8], _>(0))
                    .map_err(|error| sqlx::Error::Decode(error.into()))?;
                Ok(KeyCount {
                    key: KeyId::from_bytes(key),
                    tokens_counted: row.get::<i64, _>(1).unsigned_abs(),
                    redeemed_total: row.get::<i64, _>(2).unsigned_abs(),
                })
            })
            .collect()
    }

    async fn forget_votes(&self, key: KeyId, limit: u32) -> sqlx::Result<u64> {
        let mut tx = self.db.begin().await?;
        let forgotten = sqlx::query(
            "DELETE FROM vote WHERE key_id = ?1 AND vote_id IN
                 (SELECT vote_id FROM vote WHERE key_id = ?1 ORDER BY vote_id LIMIT ?2)",
        )
        .bind(&key.as_bytes()[..])
        .bind(limit)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        if forgotten.rows_affected() > 0 {
            self.db.forget_deleted().await?;
        }
        Ok(forgotten.rows_affected())
    }
}

/// Answers whether the vote is new.
async fn insert_vote(conn: &mut SqliteConnection, vote: &RedeemedVote) -> sqlx::Result<bool> {
    let inserted = sqlx::query(
        "INSERT INTO vote (key_id, vote_id) VALUES (?1, ?2) ON CONFLICT (key_id, vote_id) DO NOTHING",
    )
    .bind(&vote.key.as_bytes()[..])
    .bind(&vote.id.0[..])
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

async fn count(conn: &mut SqliteConnection, vote: &RedeemedVote, tokens: u64) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO key_count (key_id, tokens_counted, redeemed_total) VALUES (?1, ?2, ?3)
         ON CONFLICT (key_id) DO UPDATE SET
             tokens_counted = tokens_counted + ?2, redeemed_total = max(redeemed_total, ?3)",
    )
    .bind(&vote.key.as_bytes()[..])
    .bind(stored(tokens))
    .bind(stored(vote.redeemed_total))
    .execute(conn)
    .await?;
    Ok(())
}

/// SQLite's integers are signed; counts stay far below the bound.
fn stored(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl fmt::Debug for SqliteVotes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteVotes")
            .field("db", &self.db)
            .finish_non_exhaustive()
    }
}
