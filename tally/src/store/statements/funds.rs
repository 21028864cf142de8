//! Funds: what is known of each source and value, and what a record changes.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate};
use messages::{KeyId, money::Amount};
use sqlx::Row as _;

use super::{Connection, amount, books, count, fixed, int, parsed, stored_units, votes};
use crate::{
    domain::{
        Account, Refusal, Transfer,
        funds::{Change, FundsTotals, KeyTotals, KnownFunds, Line, change},
    },
    store::{Effect, Raw, Result, StoreError},
};

/// Takes one record. The inner result says why not, if it is refused.
pub(super) async fn take(
    conn: &mut Connection,
    raw: &Raw,
    totals: &FundsTotals,
    today: NaiveDate,
    effect: &mut Effect,
) -> Result<std::result::Result<(), Refusal>> {
    if totals.restatement {
        // What could never be accepted does not wait: it would hold every closing.
        if let Err(refusal) = judge(conn, totals, true).await? {
            return Ok(Err(refusal));
        }
        keep_restatement(conn, totals.line, &raw.value).await?;
        effect.applied += 1;
        effect.alarms += 1;
        return Ok(Ok(()));
    }
    match apply(conn, totals, false, today).await? {
        Ok(true) => effect.applied += 1,
        Ok(false) => effect.known += 1,
        Err(refusal) => return Ok(Err(refusal)),
    }
    let known = known(conn, totals.line).await?;
    let redeemed: u64 = known
        .iter()
        .flat_map(|known| known.keys.values())
        .map(|key| key.redeemed)
        .sum();
    let published = votes::published_until(conn, totals.line, totals.day).await?;
    if published > redeemed {
        // Every vote was redeemed before it was published: somebody else writes to the topic.
        tracing::error!(published, redeemed, source = %totals.line.0, "more votes than redemptions");
        effect.alarms += 1;
    }
    Ok(Ok(()))
}

/// What a record changes, by all that is known of its source.
async fn judge(
    conn: &mut Connection,
    totals: &FundsTotals,
    accepted: bool,
) -> Result<std::result::Result<Change, Refusal>> {
    let source = totals.line.0;
    let other = sqlx::query("SELECT 1 FROM funds WHERE source = $1 AND currency <> $2")
        .bind(source.as_str())
        .bind(&totals.currency)
        .fetch_optional(&mut *conn)
        .await?;
    if other.is_some() {
        return Ok(Err(Refusal::OtherCurrency));
    }
    let known = known(conn, totals.line).await?;
    let changes = change(totals, known.as_ref(), accepted);
    if let Ok(Change::Grow(amount)) = changes {
        // What a source has paid bounds all other balances, so they stay within what the ledger can hold.
        let paid = -books::balance(conn, &Account::Funds(source).to_string()).await?;
        if amount.base_units() > Amount::MAX.base_units() - paid {
            return Ok(Err(Refusal::TooLarge));
        }
    }
    Ok(changes)
}

/// Books a record's difference and keeps its totals. `Ok(false)`: it says nothing new.
pub(super) async fn apply(
    conn: &mut Connection,
    totals: &FundsTotals,
    accepted: bool,
    today: NaiveDate,
) -> Result<std::result::Result<bool, Refusal>> {
    let (source, value) = totals.line;
    let (amount, grows) = match judge(conn, totals, accepted).await? {
        Err(refusal) => return Ok(Err(refusal)),
        Ok(Change::Nothing) => return Ok(Ok(false)),
        Ok(Change::Grow(amount)) => (amount, true),
        Ok(Change::Shrink(amount)) => (amount, false),
    };
    let (funds, pool) = (Account::Funds(source), Account::Pool(source));
    let (debit, credit) = if grows { (funds, pool) } else { (pool, funds) };
    let kind = if accepted { "restated" } else { "received" };
    let memo = format!("{kind} by {}, votes of {value}", totals.day);
    book_some(
        conn,
        today,
        Transfer {
            debit,
            credit,
            amount,
            memo,
        },
    )
    .await?;
    save(conn, totals).await?;
    Ok(Ok(true))
}

async fn book_some(conn: &mut Connection, today: NaiveDate, transfer: Transfer) -> Result<()> {
    if transfer.amount == Amount::ZERO {
        return Ok(());
    }
    books::book(conn, today, transfer).await
}

/// What is known of a line.
pub(super) async fn known(conn: &mut Connection, line: Line) -> Result<Option<KnownFunds>> {
    let (source, value) = line;
    let row = sqlx::query(
        "SELECT day, currency, received, votes_sold FROM funds WHERE source = $1 AND value = $2",
    )
    .bind(source.as_str())
    .bind(stored_units(value.base_units()))
    .fetch_optional(&mut *conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(KnownFunds {
        day: parsed(&row, "day")?,
        currency: row.try_get("currency")?,
        received: amount(&row, "received")?,
        votes_sold: count(&row, "votes_sold")?,
        keys: keys(conn, line).await?,
    }))
}

/// The day of the latest record of a line.
pub(super) async fn day(conn: &mut Connection, (source, value): Line) -> Result<Option<NaiveDate>> {
    let row = sqlx::query("SELECT day FROM funds WHERE source = $1 AND value = $2")
        .bind(source.as_str())
        .bind(stored_units(value.base_units()))
        .fetch_optional(conn)
        .await?;
    row.map(|row| parsed(&row, "day")).transpose()
}

async fn keys(conn: &mut Connection, (source, value): Line) -> Result<BTreeMap<KeyId, KeyTotals>> {
    let rows = sqlx::query(
        "SELECT key_id, signed, redeemed, redeem_until, revoked FROM funds_key
         WHERE source = $1 AND value = $2",
    )
    .bind(source.as_str())
    .bind(stored_units(value.base_units()))
    .fetch_all(conn)
    .await?;
    let mut keys = BTreeMap::new();
    for row in &rows {
        let until = DateTime::from_timestamp(row.try_get("redeem_until")?, 0);
        let totals = KeyTotals {
            signed: count(row, "signed")?,
            redeemed: count(row, "redeemed")?,
            redeem_until: until.ok_or(StoreError::Corrupt("a time out of range"))?,
            revoked: row.try_get("revoked")?,
        };
        keys.insert(KeyId::from_bytes(fixed::<16>(row, "key_id")?.0), totals);
    }
    Ok(keys)
}

async fn save(conn: &mut Connection, totals: &FundsTotals) -> Result<()> {
    let (source, value) = totals.line;
    sqlx::query(
        "INSERT INTO funds (source, value, day, currency, received, votes_sold)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (source, value) DO UPDATE SET day = $3, currency = $4, received = $5, votes_sold = $6",
    )
    .bind(source.as_str())
    .bind(stored_units(value.base_units()))
    .bind(totals.day.to_string())
    .bind(&totals.currency)
    .bind(stored_units(totals.received.base_units()))
    .bind(int(totals.votes_sold)?)
    .execute(&mut *conn)
    .await?;
    for (key, totals) in &totals.keys {
        sqlx::query(
            "INSERT INTO funds_key (source, value, key_id, signed, redeemed, redeem_until, revoked)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (source, value, key_id) DO UPDATE SET
                 signed = $4, redeemed = $5, redeem_until = $6, revoked = $7",
        )
        .bind(source.as_str())
        .bind(stored_units(value.base_units()))
        .bind(key.as_bytes().to_vec())
        .bind(int(totals.signed)?)
        .bind(int(totals.redeemed)?)
        .bind(totals.redeem_until.timestamp())
        .bind(totals.revoked)
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

async fn keep_restatement(
    conn: &mut Connection,
    (source, value): Line,
    record: &[u8],
) -> Result<()> {
    sqlx::query(
        "INSERT INTO restatement (source, value, record) VALUES ($1, $2, $3)
         ON CONFLICT (source, value) DO UPDATE SET record = $3",
    )
    .bind(source.as_str())
    .bind(stored_units(value.base_units()))
    .bind(record)
    .execute(conn)
    .await?;
    Ok(())
}
