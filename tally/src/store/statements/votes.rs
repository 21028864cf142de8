//! Counting votes.

use std::{
    collections::{BTreeMap, HashSet},
    fmt::Write as _,
};

use chrono::NaiveDate;
use messages::publisher::Publisher;
use sqlx::Row as _;
use uuid::Uuid;

use super::{Connection, fixed, parsed, stored_units, text};
use crate::{
    domain::{CountedVote, Month, funds::Line},
    store::Result,
};

/// Which of the events that stand one after the other in `$1`, 16 bytes each, were counted before.
const KNOWN: &str = "
    WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2)
    SELECT id FROM n CROSS JOIN counted_event WHERE id = substr($1, 16 * n.i + 1, 16)";

/// Events of 16 bytes in `$1`, and their months of 7 characters in `$2`, each one after the other.
const REMEMBER: &str = concat!(
    "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $3)
    INSERT INTO counted_event (id, month)
    SELECT substr($1, 16 * n.i + 1, 16), ",
    text!("substr($2, 7 * n.i + 1, 7)"),
    " FROM n"
);

/// Adds votes to piles of the source `$1`, value `$2` and month `$3`. The channels stand one after the other in `$4`; `$5` has for each, in
/// ten digits, at which byte it begins, how many it has, and how many votes there are.
const PILE_UP: &str = concat!(
    "WITH RECURSIVE
        n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $6),
        cut (start, bytes, votes) AS (
            SELECT CAST(",
    text!("substr($5, 30 * i + 1, 10)"),
    " AS INTEGER), CAST(",
    text!("substr($5, 30 * i + 11, 10)"),
    " AS INTEGER), CAST(",
    text!("substr($5, 30 * i + 21, 10)"),
    " AS INTEGER)
            FROM n)
    INSERT INTO vote_pile (source, value, month, channel, votes, waiting)
    SELECT $1, $2, $3, ",
    text!("substr($4, start, bytes)"),
    ", votes, votes FROM cut WHERE TRUE
    ON CONFLICT (source, value, month, channel) DO UPDATE SET
        votes = vote_pile.votes + excluded.votes, waiting = vote_pile.waiting + excluded.votes"
);

/// Remembers the votes' events, and answers with the votes whose events are new.
pub(super) async fn remember<'a>(
    conn: &mut Connection,
    votes: &[&'a CountedVote],
) -> Result<Vec<&'a CountedVote>> {
    let mut seen = known(conn, votes).await?;
    let new: Vec<&CountedVote> = votes
        .iter()
        .copied()
        .filter(|vote| seen.insert(vote.event))
        .collect();
    if new.is_empty() {
        return Ok(new);
    }
    let mut months = String::with_capacity(7 * new.len());
    for vote in &new {
        // Writing to a string cannot fail.
        let _infallible = write!(months, "{}", vote.month());
    }
    sqlx::query(REMEMBER)
        .bind(packed(&new))
        .bind(months.into_bytes())
        .bind(rows(new.len()))
        .execute(conn)
        .await?;
    Ok(new)
}

/// The events of votes that were counted before: most of the time none.
async fn known(conn: &mut Connection, votes: &[&CountedVote]) -> Result<HashSet<Uuid>> {
    let mut known = HashSet::with_capacity(votes.len());
    if votes.is_empty() {
        return Ok(known);
    }
    let found = sqlx::query(KNOWN)
        .bind(packed(votes))
        .bind(rows(votes.len()))
        .fetch_all(conn)
        .await?;
    for row in &found {
        known.insert(Uuid::from_bytes(fixed::<16>(row, "id")?.0));
    }
    Ok(known)
}

/// The votes' events, one after the other.
fn packed(votes: &[&CountedVote]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(16 * votes.len());
    for vote in votes {
        packed.extend_from_slice(vote.event.as_bytes());
    }
    packed
}

/// A batch has far fewer.
fn rows(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Adds votes to their months, or to the open one where those are closed.
pub(super) async fn pile_up(conn: &mut Connection, votes: &[&CountedVote]) -> Result<()> {
    let open = open_month(conn).await?;
    let mut piles: BTreeMap<(Line, Month), BTreeMap<&Publisher, u64>> = BTreeMap::new();
    let mut days: BTreeMap<(Line, NaiveDate), i64> = BTreeMap::new();
    for vote in votes {
        let line = (vote.source, vote.value);
        let month = open.map_or(vote.month(), |open| open.max(vote.month()));
        let of_month = piles.entry((line, month)).or_default();
        *of_month.entry(&vote.channel).or_default() += u64::from(vote.votes);
        *days.entry((line, vote.day)).or_default() += i64::from(vote.votes);
    }
    for (((source, value), month), channels) in piles {
        let (mut names, mut cuts, mut start) = (String::new(), String::new(), 1);
        for (channel, votes) in &channels {
            let bytes = channel.as_str().len();
            // Writing to a string cannot fail.
            let _infallible = write!(cuts, "{start:010}{bytes:010}{votes:010}");
            names.push_str(channel.as_str());
            start += bytes;
        }
        sqlx::query(PILE_UP)
            .bind(source.as_str())
            .bind(stored_units(value.base_units()))
            .bind(month.to_string())
            .bind(names.into_bytes())
            .bind(cuts.into_bytes())
            .bind(rows(channels.len()))
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
        .bind(day.to_string())
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
    day: NaiveDate,
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
