//! Closing a month.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use messages::{FundingSource, KeyId, money::Amount, publisher::Publisher};
use sqlx::Row as _;

use super::{
    Connection, books, count, fixed, funds, int, line, parsed, publisher, stored_units, votes,
};
use crate::{
    domain::{
        Account, Month,
        closing::{ClosingInput, ClosingPlan, LineInput, LinePlan, plan, transfers},
        funds::Line,
    },
    store::{ClosingState, ClosingTerms, Result, StoreError},
};

/// How long after its last day a key's unredeemed tokens still have their money in the pool.
const ENDED_KEY_GRACE: TimeDelta = TimeDelta::days(10);

pub(super) async fn state(conn: &mut Connection) -> Result<ClosingState> {
    let state = books::funds_state(conn).await?;
    let next = next(conn).await?;
    Ok(ClosingState { next, ..state })
}

/// The month that closes next: behind the last closed one, or the first with a vote or a transfer.
pub(super) async fn next(conn: &mut Connection) -> Result<Option<Month>> {
    if let Some(open) = votes::open_month(conn).await? {
        return Ok(Some(open));
    }
    let first_vote = sqlx::query("SELECT month FROM vote_pile ORDER BY month LIMIT 1")
        .fetch_optional(&mut *conn)
        .await?;
    let first_vote = first_vote
        .map(|row| parsed::<Month>(&row, "month"))
        .transpose()?;
    let first_entry = sqlx::query("SELECT day FROM ledger_entry ORDER BY position LIMIT 1")
        .fetch_optional(conn)
        .await?;
    let first_entry = first_entry
        .map(|row| parsed(&row, "day").map(Month::of))
        .transpose()?;
    Ok(first_vote.into_iter().chain(first_entry).min())
}

pub(super) async fn close(
    conn: &mut Connection,
    month: Month,
    terms: &ClosingTerms<'_>,
) -> Result<()> {
    let input = input(conn, month, terms.today).await?;
    let plan = plan(&input, terms.fee, terms.rule)?;

    sqlx::query("INSERT INTO closed_month (month, closed_on) VALUES ($1, $2)")
        .bind(month.to_string())
        .bind(terms.today.to_string())
        .execute(&mut *conn)
        .await?;
    for transfer in transfers(month, &plan) {
        books::book(conn, terms.today, transfer).await?;
    }
    write(conn, month, &plan).await
}

async fn input(conn: &mut Connection, month: Month, today: NaiveDate) -> Result<ClosingInput> {
    let mut input = ClosingInput::default();
    for source in FundingSource::ALL {
        let pool = books::balance(conn, &Account::Pool(source).to_string()).await?;
        input.pools.insert(source, pool);
    }
    for line in lines(conn).await? {
        let line_input = LineInput {
            redeemed_unsplit: redeemed_unsplit(conn, line).await?,
            waiting: waiting(conn, line, month).await?,
            ended_keys: ended_keys(conn, line, today).await?,
        };
        input.lines.insert(line, line_input);
    }
    Ok(input)
}

/// Every line with votes or funds.
async fn lines(conn: &mut Connection) -> Result<BTreeSet<Line>> {
    let rows =
        sqlx::query("SELECT source, value FROM funds UNION SELECT source, value FROM vote_pile")
            .fetch_all(conn)
            .await?;
    rows.iter().map(line).collect()
}

async fn redeemed_unsplit(conn: &mut Connection, (source, value): Line) -> Result<u64> {
    // Neither more than was redeemed, nor more than was sold (threat T18).
    let row = sqlx::query(
        "SELECT votes_sold, votes_split,
                CAST(coalesce((SELECT sum(redeemed) FROM funds_key
                               WHERE source = $1 AND value = $2), 0) AS BIGINT) AS redeemed
         FROM funds WHERE source = $1 AND value = $2",
    )
    .bind(source.as_str())
    .bind(stored_units(value.base_units()))
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else { return Ok(0) };
    let redeemed = count(&row, "redeemed")?.min(count(&row, "votes_sold")?);
    // Fewer than were split after a restatement that took redemptions back: then nothing can be split.
    Ok(redeemed.saturating_sub(count(&row, "votes_split")?))
}

async fn waiting(
    conn: &mut Connection,
    (source, value): Line,
    month: Month,
) -> Result<BTreeMap<Publisher, u64>> {
    let rows = sqlx::query(
        "SELECT channel, CAST(sum(waiting) AS BIGINT) AS waiting FROM vote_pile
         WHERE source = $1 AND value = $2 AND month <= $3 GROUP BY channel HAVING sum(waiting) > 0",
    )
    .bind(source.as_str())
    .bind(stored_units(value.base_units()))
    .bind(month.to_string())
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| Ok((publisher(row)?, count(row, "waiting")?)))
        .collect()
}

/// Keys that ended long enough ago, by totals of a later day, whose rest is still in the pool.
async fn ended_keys(
    conn: &mut Connection,
    (source, value): Line,
    today: NaiveDate,
) -> Result<Vec<(KeyId, u64, bool)>> {
    let Some(known) = funds::day(conn, (source, value)).await? else {
        return Ok(Vec::new());
    };
    let start_of = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
    let ended_before = start_of(known).min(start_of(today) - ENDED_KEY_GRACE);
    let rows = sqlx::query(
        "SELECT key_id, signed - redeemed AS rest, revoked FROM funds_key
         WHERE source = $1 AND value = $2 AND NOT ended AND redeem_until <= $3
         ORDER BY key_id",
    )
    .bind(source.as_str())
    .bind(stored_units(value.base_units()))
    .bind(ended_before.timestamp())
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            let key = KeyId::from_bytes(fixed::<16>(row, "key_id")?.0);
            Ok((key, count(row, "rest")?, row.try_get("revoked")?))
        })
        .collect()
}

async fn write(conn: &mut Connection, month: Month, plan: &ClosingPlan) -> Result<()> {
    for (line, line_plan) in plan {
        write_line(conn, month, *line, line_plan).await?;
        for (channel, (votes, amount)) in &line_plan.payouts {
            take_from_piles(conn, month, *line, channel, *votes).await?;
            sqlx::query(
                "INSERT INTO payout (month, source, value, channel, votes, amount)
                 VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(month.to_string())
            .bind(line.0.as_str())
            .bind(stored_units(line.1.base_units()))
            .bind(channel.as_str())
            .bind(int(*votes)?)
            .bind(stored_units(amount.base_units()))
            .execute(&mut *conn)
            .await?;
        }
    }
    Ok(())
}

async fn write_line(
    conn: &mut Connection,
    month: Month,
    (source, value): Line,
    plan: &LinePlan,
) -> Result<()> {
    let too_large = StoreError::Corrupt("a sum out of range");
    let expired = plan
        .ended_keys
        .iter()
        .try_fold(Amount::ZERO, |sum, (_, amount, _)| sum.checked_add(*amount));
    sqlx::query(
        "INSERT INTO closing (month, source, value, votes, amount, fee, expired, left_waiting)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(month.to_string())
    .bind(source.as_str())
    .bind(stored_units(value.base_units()))
    .bind(int(plan.votes)?)
    .bind(stored_units(plan.amount.base_units()))
    .bind(stored_units(plan.fee.base_units()))
    .bind(stored_units(expired.ok_or(too_large)?.base_units()))
    .bind(int(plan.left_waiting)?)
    .execute(&mut *conn)
    .await?;
    sqlx::query("UPDATE funds SET votes_split = votes_split + $3 WHERE source = $1 AND value = $2")
        .bind(source.as_str())
        .bind(stored_units(value.base_units()))
        .bind(int(plan.votes)?)
        .execute(&mut *conn)
        .await?;
    for (key, _, _) in &plan.ended_keys {
        sqlx::query(
            "UPDATE funds_key SET ended = TRUE WHERE source = $1 AND value = $2 AND key_id = $3",
        )
        .bind(source.as_str())
        .bind(stored_units(value.base_units()))
        .bind(key.as_bytes().to_vec())
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// Takes split votes off the piles, the oldest month first.
async fn take_from_piles(
    conn: &mut Connection,
    month: Month,
    (source, value): Line,
    channel: &Publisher,
    votes: u64,
) -> Result<()> {
    let rows = sqlx::query(
        "SELECT month, waiting FROM vote_pile
         WHERE source = $1 AND value = $2 AND channel = $3 AND month <= $4 AND waiting > 0
         ORDER BY month",
    )
    .bind(source.as_str())
    .bind(stored_units(value.base_units()))
    .bind(channel.as_str())
    .bind(month.to_string())
    .fetch_all(&mut *conn)
    .await?;
    let mut left = votes;
    for row in &rows {
        let taken = left.min(count(row, "waiting")?);
        left -= taken;
        sqlx::query(
            "UPDATE vote_pile SET waiting = waiting - $5
             WHERE source = $1 AND value = $2 AND channel = $3 AND month = $4",
        )
        .bind(source.as_str())
        .bind(stored_units(value.base_units()))
        .bind(channel.as_str())
        .bind(row.try_get::<String, _>("month")?)
        .bind(int(taken)?)
        .execute(&mut *conn)
        .await?;
    }
    if left > 0 {
        return Err(StoreError::Corrupt(
            "fewer votes on the piles than were split",
        ));
    }
    Ok(())
}
