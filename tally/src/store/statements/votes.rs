//! Counting votes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use messages::publisher::Publisher;
use sqlx::Row as _;
use uuid::Uuid;

use super::{Connection, fixed, parsed, stored_units};
use crate::{
    domain::{CountedVote, Month, funds::Line},
    store::Result,
};

/// Events of 16 bytes in `$1`, and their months of 7 characters in `$2`, each one after the other.
const REMEMBER: &str = "
    WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $3)
    INSERT INTO counted_event (id, month)
    SELECT substr($1, 16 * n.i + 1, 16), substr($2, 7 * n.i + 1, 7) FROM n WHERE TRUE
    ON CONFLICT (id) DO NOTHING RETURNING id";

/// Adds votes to piles of the source `$1`, value `$2` and month `$3`. The channels stand one after the other in `$4`; `$5` has for each, in
/// ten digits, at which character it begins, how many it has, and how many votes there are.
const PILE_UP: &str = "
    WITH RECURSIVE
        n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $6),
        cut (start, characters, votes) AS (
            SELECT CAST(substr($5, 30 * i + 1, 10) AS INTEGER),
                   CAST(substr($5, 30 * i + 11, 10) AS INTEGER),
                   CAST(substr($5, 30 * i + 21, 10) AS INTEGER)
            FROM n)
    INSERT INTO vote_pile (source, value, month, channel, votes, waiting)
    SELECT $1, $2, $3, substr($4, start, characters), votes, votes FROM cut WHERE TRUE
    ON CONFLICT (source, value, month, channel) DO UPDATE SET
        votes = vote_pile.votes + excluded.votes, waiting = vote_pile.waiting + excluded.votes";

/// Remembers the votes' events, and answers with the votes whose events are new.
pub(super) async fn remember<'a>(
    conn: &mut Connection,
    votes: &[&'a CountedVote],
) -> Result<Vec<&'a CountedVote>> {
    let mut seen = BTreeSet::new();
    let mut first = votes.to_vec();
    first.retain(|vote| seen.insert(vote.event));
    if first.is_empty() {
        return Ok(first);
    }
    let events = first.iter().flat_map(|vote| *vote.event.as_bytes());
    let months = first.iter().map(|vote| vote.month().to_string());
    let rows = sqlx::query(REMEMBER)
        .bind(events.collect::<Vec<u8>>())
        .bind(months.collect::<String>())
        .bind(i64::try_from(first.len()).unwrap_or(i64::MAX))
        .fetch_all(conn)
        .await?;
    let new = rows
        .iter()
        .map(|row| Ok(Uuid::from_bytes(fixed::<16>(row, "id")?.0)))
        .collect::<Result<BTreeSet<_>>>()?;
    first.retain(|vote| new.contains(&vote.event));
    Ok(first)
}

/// Adds votes to their months, or to the open one where those are closed.
pub(super) async fn pile_up(conn: &mut Connection, votes: &[&CountedVote]) -> Result<()> {
    let open = open_month(conn).await?;
    let mut piles: BTreeMap<(Line, Month), BTreeMap<&Publisher, u64>> = BTreeMap::new();
    let mut days: BTreeMap<(Line, String), i64> = BTreeMap::new();
    for vote in votes {
        let line = (vote.source, vote.value);
        let month = open.map_or(vote.month(), |open| open.max(vote.month()));
        let of_month = piles.entry((line, month)).or_default();
        *of_month.entry(&vote.channel).or_default() += u64::from(vote.votes);
        *days.entry((line, vote.day.to_string())).or_default() += i64::from(vote.votes);
    }
    for (((source, value), month), channels) in piles {
        let (mut names, mut cuts, mut start) = (String::new(), String::new(), 1);
        for (channel, votes) in &channels {
            let characters = channel.as_str().chars().count();
            // Writing to a string cannot fail.
            let _infallible = write!(cuts, "{start:010}{characters:010}{votes:010}");
            names.push_str(channel.as_str());
            start += characters;
        }
        sqlx::query(PILE_UP)
            .bind(source.as_str())
            .bind(stored_units(value.base_units()))
            .bind(month.to_string())
            .bind(names)
            .bind(cuts)
            .bind(i64::try_from(channels.len()).unwrap_or(i64::MAX))
            .execute(&mut *conn)
            .await?;
    }
    for (((source, value), day), votes) in days {
        sqlx::query(
            "INSERT INTO vote_day (source, value, day, votes) VALUES ($1, $2, $3, $4)
             ON CONFLICT (source, value, day) DO UPDATE SET votes = vote_day.votes + $4",
        )
        .bind(source.as_str())
        .bind(stored_units(value.base_units()))
        .bind(day)
        .bind(votes)
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// The first month that is not closed; `None` while none is.
pub(super) async fn open_month(conn: &mut Connection) -> Result<Option<Month>> {
    let row = sqlx::query("SELECT month FROM closed_month ORDER BY month DESC LIMIT 1")
        .fetch_optional(conn)
        .await?;
    row.map(|row| parsed(&row, "month").map(Month::next))
        .transpose()
}

/// Votes of a line that were published up to the end of `day`.
pub(super) async fn published_until(
    conn: &mut Connection,
    (source, value): Line,
    day: chrono::NaiveDate,
) -> Result<u64> {
    let row = sqlx::query(
        "SELECT CAST(coalesce(sum(votes), 0) AS BIGINT) AS votes FROM vote_day
         WHERE source = $1 AND value = $2 AND day <= $3",
    )
    .bind(source.as_str())
    .bind(stored_units(value.base_units()))
    .bind(day.to_string())
    .fetch_one(conn)
    .await?;
    Ok(row.try_get::<i64, _>("votes")?.unsigned_abs())
}
