//! Counting votes.

use std::collections::BTreeMap;

use messages::publisher::Publisher;
use sqlx::{Row as _, SqliteConnection};

use super::{blob, parsed};
use crate::{
    domain::{CountedVote, Month, funds::Line},
    store::Result,
};

/// Remembers the event. `false`: it was counted before.
pub(super) async fn is_new(conn: &mut SqliteConnection, vote: &CountedVote) -> Result<bool> {
    let inserted =
        sqlx::query("INSERT INTO counted_event (id, month) VALUES (?1, ?2) ON CONFLICT DO NOTHING")
            .bind(vote.event.as_bytes().to_vec())
            .bind(vote.month().to_string())
            .execute(conn)
            .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Adds votes to their months, or to the open one where those are closed.
pub(super) async fn pile_up(conn: &mut SqliteConnection, votes: &[&CountedVote]) -> Result<()> {
    let open = open_month(conn).await?;
    let mut piles: BTreeMap<(Line, Month, &Publisher), i64> = BTreeMap::new();
    let mut days: BTreeMap<(Line, String), i64> = BTreeMap::new();
    for vote in votes {
        let line = (vote.source, vote.value);
        let month = open.map_or(vote.month(), |open| open.max(vote.month()));
        *piles.entry((line, month, &vote.channel)).or_default() += i64::from(vote.votes);
        *days.entry((line, vote.day.to_string())).or_default() += i64::from(vote.votes);
    }
    for (((source, value), month, channel), votes) in piles {
        sqlx::query(
            "INSERT INTO vote_pile (source, value, month, channel, votes, waiting)
             VALUES (?1, ?2, ?3, ?4, ?5, ?5)
             ON CONFLICT DO UPDATE SET votes = votes + ?5, waiting = waiting + ?5",
        )
        .bind(source.as_str())
        .bind(blob(value.base_units()))
        .bind(month.to_string())
        .bind(channel.as_str())
        .bind(votes)
        .execute(&mut *conn)
        .await?;
    }
    for (((source, value), day), votes) in days {
        sqlx::query(
            "INSERT INTO vote_day (source, value, day, votes) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET votes = votes + ?4",
        )
        .bind(source.as_str())
        .bind(blob(value.base_units()))
        .bind(day)
        .bind(votes)
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// The first month that is not closed; `None` while none is.
pub(super) async fn open_month(conn: &mut SqliteConnection) -> Result<Option<Month>> {
    let row = sqlx::query("SELECT month FROM closed_month ORDER BY month DESC LIMIT 1")
        .fetch_optional(conn)
        .await?;
    row.map(|row| parsed(&row, "month").map(Month::next))
        .transpose()
}

/// Votes of a line that were published up to the end of `day`.
pub(super) async fn published_until(
    conn: &mut SqliteConnection,
    (source, value): Line,
    day: chrono::NaiveDate,
) -> Result<u64> {
    let row = sqlx::query(
        "SELECT coalesce(sum(votes), 0) AS votes FROM vote_day
         WHERE source = ?1 AND value = ?2 AND day <= ?3",
    )
    .bind(source.as_str())
    .bind(blob(value.base_units()))
    .bind(day.to_string())
    .fetch_one(conn)
    .await?;
    Ok(row.try_get::<i64, _>("votes")?.unsigned_abs())
}
