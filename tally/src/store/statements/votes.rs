//! Counting votes.

use std::collections::{BTreeMap, HashSet};

use chrono::NaiveDate;
use messages::publisher::Publisher;
use service_kit::db::packed::Packed;
use sqlx::Row as _;
use uuid::Uuid;

use super::{Connection, fixed, int, parsed, stored_units, text};
use crate::{
    domain::{Month, VoteBatch, VoteGroup, funds::Line},
    store::Result,
};

/// What an event's id takes.
const EVENT_BYTES: usize = 16;

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
pub(super) async fn remember(conn: &mut Connection, votes: &VoteBatch) -> Result<bool> {
    let mut months: BTreeMap<Month, Vec<u8>> = BTreeMap::new();
    for (day, _, group) in votes.groups() {
        pack(months.entry(Month::of(day)).or_default(), group);
    }
    let mut remembered = 0;
    for (month, events) in months {
        let count = rows(events.len() / EVENT_BYTES);
        let written = sqlx::query(REMEMBER)
            .bind(events)
            .bind(month.to_string())
            .bind(count)
            .execute(&mut *conn)
            .await?;
        remembered += written.rows_affected();
    }
    Ok(remembered == votes.len() as u64)
}

/// The votes' events that were counted before.
pub(super) async fn known(conn: &mut Connection, votes: &VoteBatch) -> Result<HashSet<Uuid>> {
    let mut events = Vec::new();
    for (.., group) in votes.groups() {
        pack(&mut events, group);
    }
    let found = sqlx::query(KNOWN)
        .bind(events)
        .bind(rows(votes.len()))
        .fetch_all(conn)
        .await?;
    let ids = found
        .iter()
        .map(|row| Ok(Uuid::from_bytes(fixed(row, "id")?.0)));
    ids.collect()
}

/// Adds the events, one after the other.
fn pack(events: &mut Vec<u8>, group: &VoteGroup) {
    for event in group.events() {
        events.extend_from_slice(event.as_bytes());
    }
}

/// A batch has far fewer.
fn rows(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Adds votes to their months, or to the open one where those are closed: up to and with `closed`.
pub(super) async fn pile_up(
    conn: &mut Connection,
    votes: &VoteBatch,
    closed: Option<Month>,
) -> Result<()> {
    let open = closed.map(Month::next);
    // New rows lie in the order of their channels, which tells nothing of that of the votes (U2).
    let mut piles: BTreeMap<(Line, Month), BTreeMap<&Publisher, u64>> = BTreeMap::new();
    for (day, line, group) in votes.groups() {
        let month = Month::of(day);
        let month = open.map_or(month, |open| open.max(month));
        let pile = piles.entry((line, month)).or_default();
        let mut of_day = 0;
        for (channel, votes) in group.sums() {
            *pile.entry(channel).or_default() += votes;
            of_day += votes;
        }
        add_to_day(conn, line, day, of_day).await?;
    }
    for (((source, value), month), channels) in piles {
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
    Ok(())
}

async fn add_to_day(
    conn: &mut Connection,
    (source, value): Line,
    day: NaiveDate,
    votes: u64,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO vote_day (source, value, day, votes) VALUES ($1, $2, $3, $4)
         ON CONFLICT (source, value, day) DO UPDATE SET votes = vote_day.votes + $4",
    )
    .bind(source.as_str())
    .bind(stored_units(value.base_units()))
    .bind(day.to_string())
    .bind(int(votes)?)
    .execute(conn)
    .await?;
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
