//! Answering questions.

use std::collections::BTreeMap;

use async_trait::async_trait;
use messages::{
    FundingSource, directory::Head, encoding::Fixed, money::Amount, publisher::Publisher,
};
use sqlx::Row as _;

use super::{
    Connection, EngineRow, TableStore, amount, books, count, fixed, int, line, parsed, publisher,
    stored_units, units,
};
use crate::{
    domain::{
        Account, Entry, LedgerHead, Month, RecordMark, Transfer,
        funds::{FundsTotals, Line},
    },
    store::{
        ClosingReport, LineReport, MonthReport, Payout, PayoutKey, PublisherReport, Reports,
        Restatement, Result, StoreError,
    },
};

#[async_trait]
impl Reports for TableStore {
    async fn check(&self) -> anyhow::Result<()> {
        Ok(self.db.check().await?)
    }

    async fn close(&self) {
        self.db.close().await;
    }

    async fn months(&self) -> Result<Vec<MonthReport>> {
        let mut tx = self.db.begin_read().await?;
        let mut months: BTreeMap<Month, MonthReport> = BTreeMap::new();
        closed(&mut tx, &mut months).await?;
        piles(&mut tx, &mut months).await?;
        closings(&mut tx, &mut months).await?;
        Ok(months.into_values().collect())
    }

    async fn payouts(
        &self,
        month: Month,
        after: Option<PayoutKey>,
        limit: u32,
    ) -> Result<Vec<Payout>> {
        let (source, value, channel) = after.map_or_else(
            || ("", stored_units(0), String::new()),
            |(source, value, channel)| {
                (
                    source.as_str(),
                    stored_units(value.base_units()),
                    channel.to_string(),
                )
            },
        );
        let rows = sqlx::query(
            "SELECT source, value, channel, votes, amount FROM payout
             WHERE month = $1 AND (source, value, channel) > ($2, $3, $4)
             ORDER BY source, value, channel LIMIT $5",
        )
        .bind(month.to_string())
        .bind(source)
        .bind(value)
        .bind(channel)
        .bind(i64::from(limit))
        .fetch_all(self.db.readers())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Payout {
                    line: line(row)?,
                    channel: publisher(row)?,
                    votes: count(row, "votes")?,
                    amount: amount(row, "amount")?,
                })
            })
            .collect()
    }

    async fn publisher(&self, channel: &Publisher) -> Result<Option<PublisherReport>> {
        let mut tx = self.db.begin_read().await?;
        let rows = sqlx::query(
            "SELECT source, value, CAST(sum(waiting) AS BIGINT) AS waiting FROM vote_pile WHERE channel = $1
             GROUP BY source, value",
        )
        .bind(channel.as_str())
        .fetch_all(&mut *tx)
        .await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let account = Account::Publisher(channel.clone()).to_string();
        let balance = books::balance(&mut tx, &account).await?;
        let waiting = rows
            .iter()
            .map(|row| Ok((line(row)?, count(row, "waiting")?)));
        Ok(Some(PublisherReport {
            waiting: waiting.collect::<Result<_>>()?,
            balance: Amount::from_base_units(balance)
                .ok_or(StoreError::Corrupt("a publisher's balance below zero"))?,
        }))
    }

    async fn entries(&self, position: u64, limit: u32) -> Result<Vec<Entry>> {
        let rows = sqlx::query(
            "SELECT position, day, debit, credit, amount, memo, hash FROM ledger_entry
             WHERE position >= $1 ORDER BY position LIMIT $2",
        )
        .bind(int(position)?)
        .bind(i64::from(limit))
        .fetch_all(self.db.readers())
        .await?;
        rows.iter().map(entry).collect()
    }

    async fn head(&self) -> Result<Option<LedgerHead>> {
        let row = sqlx::query(
            "SELECT * FROM ledger_head ORDER BY day DESC, size DESC, witnessed DESC LIMIT 1",
        )
        .fetch_optional(self.db.readers())
        .await?;
        row.as_ref().map(head).transpose()
    }

    async fn heads(&self) -> Result<Vec<LedgerHead>> {
        let rows = sqlx::query("SELECT * FROM ledger_head ORDER BY day, size, witnessed")
            .fetch_all(self.db.readers())
            .await?;
        rows.iter().map(head).collect()
    }

    async fn balances(&self) -> Result<BTreeMap<String, i128>> {
        let rows = sqlx::query("SELECT name, balance FROM account")
            .fetch_all(self.db.readers())
            .await?;
        rows.iter()
            .map(|row| Ok((row.try_get("name")?, units(row, "balance")?)))
            .collect()
    }

    async fn received(&self) -> Result<BTreeMap<FundingSource, i128>> {
        let rows = sqlx::query("SELECT source, received FROM funds")
            .fetch_all(self.db.readers())
            .await?;
        let mut received: BTreeMap<_, i128> = BTreeMap::new();
        for row in &rows {
            let sum = received.entry(parsed(row, "source")?).or_default();
            *sum = sum
                .checked_add(units(row, "received")?)
                .ok_or(StoreError::Corrupt("a sum out of range"))?;
        }
        received.retain(|_, sum| *sum != 0);
        Ok(received)
    }

    async fn directory_heads(&self) -> Result<Vec<(Head, Fixed<32>)>> {
        let rows = sqlx::query(
            "SELECT day, size, hash, signature, chain FROM directory_head ORDER BY position",
        )
        .fetch_all(self.db.readers())
        .await?;
        rows.iter()
            .map(|row| {
                let head = Head {
                    day: parsed(row, "day")?,
                    size: count(row, "size")?,
                    hash: fixed(row, "hash")?,
                    signature: fixed(row, "signature")?,
                };
                Ok((head, fixed(row, "chain")?))
            })
            .collect()
    }

    async fn restatements(&self) -> Result<Vec<Restatement>> {
        let rows = sqlx::query("SELECT record FROM restatement ORDER BY source, value")
            .fetch_all(self.db.readers())
            .await?;
        rows.iter()
            .map(|row| {
                let record: Vec<u8> = row.try_get("record")?;
                // Its day was checked when it came; here no day is too late.
                let no_day_is_late = chrono::NaiveDate::MAX - chrono::TimeDelta::days(1);
                let totals = FundsTotals::read(&record, no_day_is_late);
                Ok(Restatement {
                    mark: RecordMark::of(&record),
                    totals: totals
                        .map_err(|_| StoreError::Corrupt("a restatement that cannot be read"))?,
                })
            })
            .collect()
    }
}

async fn closed(conn: &mut Connection, months: &mut BTreeMap<Month, MonthReport>) -> Result<()> {
    let rows = sqlx::query("SELECT month, closed_on FROM closed_month")
        .fetch_all(conn)
        .await?;
    for row in &rows {
        let month = parsed(row, "month")?;
        report(months, month).closed_on = Some(parsed(row, "closed_on")?);
    }
    Ok(())
}

async fn piles(conn: &mut Connection, months: &mut BTreeMap<Month, MonthReport>) -> Result<()> {
    let rows = sqlx::query(
        "SELECT month, source, value, CAST(sum(votes) AS BIGINT) AS votes,
                CAST(sum(waiting) AS BIGINT) AS waiting FROM vote_pile
         GROUP BY month, source, value ORDER BY month, source, value",
    )
    .fetch_all(conn)
    .await?;
    for row in &rows {
        let found = of_line(report(months, parsed(row, "month")?), line(row)?);
        found.votes = count(row, "votes")?;
        found.waiting = count(row, "waiting")?;
    }
    Ok(())
}

async fn closings(conn: &mut Connection, months: &mut BTreeMap<Month, MonthReport>) -> Result<()> {
    let rows = sqlx::query(
        "SELECT month, source, value, votes, amount, fee, expired, left_waiting FROM closing
         ORDER BY month, source, value",
    )
    .fetch_all(conn)
    .await?;
    for row in &rows {
        let found = of_line(report(months, parsed(row, "month")?), line(row)?);
        found.closing = Some(ClosingReport {
            votes: count(row, "votes")?,
            amount: amount(row, "amount")?,
            fee: amount(row, "fee")?,
            expired: amount(row, "expired")?,
            left_waiting: count(row, "left_waiting")?,
        });
    }
    Ok(())
}

fn report(months: &mut BTreeMap<Month, MonthReport>, month: Month) -> &mut MonthReport {
    months.entry(month).or_insert_with(|| MonthReport {
        month,
        closed_on: None,
        lines: Vec::new(),
    })
}

fn of_line(report: &mut MonthReport, line: Line) -> &mut LineReport {
    let place = report
        .lines
        .binary_search_by_key(&line, |report| report.line);
    let place = place.unwrap_or_else(|place| {
        report.lines.insert(
            place,
            LineReport {
                line,
                votes: 0,
                waiting: 0,
                closing: None,
            },
        );
        place
    });
    report
        .lines
        .get_mut(place)
        .expect("it was found or inserted there")
}

fn entry(row: &EngineRow) -> Result<Entry> {
    Ok(Entry {
        index: count(row, "position")?,
        day: parsed(row, "day")?,
        transfer: Transfer {
            debit: parsed(row, "debit")?,
            credit: parsed(row, "credit")?,
            amount: amount(row, "amount")?,
            memo: row.try_get("memo")?,
        },
        hash: fixed(row, "hash")?,
    })
}

fn head(row: &EngineRow) -> Result<LedgerHead> {
    Ok(LedgerHead {
        day: parsed(row, "day")?,
        size: count(row, "size")?,
        hash: fixed(row, "hash")?,
        witnessed: count(row, "witnessed")?,
        witnessed_hash: fixed(row, "witnessed_hash")?,
        public_key: fixed(row, "public_key")?,
        signature: fixed(row, "signature")?,
    })
}
