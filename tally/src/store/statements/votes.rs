//! Counting votes.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::NaiveDate;
use messages::publisher::Publisher;
use service_kit::db::packed::Packed;
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

/// Remembers the events of the month `$2`, which stand one after the other in `$1`, 16 bytes each, unless they are there.
const REMEMBER: &str = "
    WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $3)
    INSERT INTO counted_event (id, month)
    SELECT substr($1, 16 * n.i + 1, 16), $2 FROM n WHERE TRUE
    ON CONFLICT (id) DO NOTHING";

/// Adds votes to piles of the source `$1`, value `$2` and month `$3`. The channels stand one after the other in `$4`; `$5` has for each
/// at which byte it begins, how many it has, and how many votes there are ([`Packed`]).
const PILE_UP: &str = concat!(
    "WITH RECURSIVE
        n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $6),
        cut (start, bytes, votes) AS (
            SELECT CAST(",
    text!("substr($5, 48 * i + 1, 16)"),
    " AS INTEGER), CAST(",
    text!("substr($5, 48 * i + 17, 16)"),
    " AS INTEGER), CAST(",
    text!("substr($5, 48 * i + 33, 16)"),
    " AS INTEGER)
            FROM n)
    INSERT INTO vote_pile (source, value, month, channel, votes, waiting)
    SELECT $1, $2, $3, ",
    text!("substr($4, start, bytes)"),
    ", votes, votes FROM cut WHERE TRUE
    ON CONFLICT (source, value, month, channel) DO UPDATE SET
        votes = vote_pile.votes + excluded.votes, waiting = vote_pile.waiting + excluded.votes"
);

/// Remembers the votes' events. `false`: some were counted before, or stand here twice, and the others are remembered.
pub(super) async fn remember(conn: &mut Connection, votes: &[&CountedVote]) -> Result<bool> {
    let mut months: BTreeMap<Month, Vec<&CountedVote>> = BTreeMap::new();
    for vote in votes {
        months.entry(vote.month()).or_default().push(vote);
    }
    let mut remembered = 0;
    for (month, votes) in months {
        let written = sqlx::query(REMEMBER)
            .bind(packed(&votes))
            .bind(month.to_string())
            .bind(rows(votes.len()))
            .execute(&mut *conn)
            .await?;
        remembered += written.rows_affected();
    }
    Ok(remembered == votes.len() as u64)
}

/// The votes whose events were not counted before, each event once.
pub(super) async fn unknown<'a>(
    conn: &mut Connection,
    votes: &[&'a CountedVote],
) -> Result<Vec<&'a CountedVote>> {
    let found = sqlx::query(KNOWN)
        .bind(packed(votes))
        .bind(rows(votes.len()))
        .fetch_all(conn)
        .await?;
    let mut seen = HashSet::with_capacity(votes.len());
    for row in &found {
        seen.insert(Uuid::from_bytes(fixed::<16>(row, "id")?.0));
    }
    let votes = votes.iter().copied();
    Ok(votes.filter(|vote| seen.insert(vote.event)).collect())
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
    let mut piles: BTreeMap<(Line, Month), HashMap<&Publisher, u64>> = BTreeMap::new();
    let mut days: BTreeMap<(Line, NaiveDate), i64> = BTreeMap::new();
    for vote in votes {
        let line = (vote.source, vote.value);
        let month = open.map_or(vote.month(), |open| open.max(vote.month()));
        let of_month = piles.entry((line, month)).or_default();
        *of_month.entry(&vote.channel).or_default() += u64::from(vote.votes);
        *days.entry((line, vote.day)).or_default() += i64::from(vote.votes);
    }
    for (((source, value), month), channels) in piles {
        // New rows lie in the order of their channels, which tells nothing of that of the votes (U2).
        let channels: BTreeMap<_, _> = channels.into_iter().collect();
        let mut packed = Packed::default();
        for (channel, votes) in channels {
            packed.row();
            packed.bytes(channel.as_str().as_bytes());
            packed.number(votes);
        }
        let (names, cuts, count) = packed.into_parts();
        sqlx::query(PILE_UP)
            .bind(source.as_str())
            .bind(stored_units(value.base_units()))
            .bind(month.to_string())
            .bind(names)
            .bind(cuts)
            .bind(count)
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
