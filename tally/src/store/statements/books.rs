//! Writing the ledger.

use async_trait::async_trait;
use chrono::NaiveDate;
use messages::{digest::H, encoding::Fixed};
use service_kit::outbox::Row as OutboxRow;
use sqlx::Row as _;

use super::{
    Connection, TableStore, closing, count, fixed, funds, insert, int, line, parsed, stored_units,
    units,
};
use crate::{
    domain::{
        Entry, HeadKey, Month, RecordMark, Transfer,
        funds::{FundsTotals, Line},
        head::{HeadBody, WITNESS_START},
        ledger::CHAIN_START,
    },
    store::{Books, ClosingState, ClosingTerms, Result, StoreError},
};

#[async_trait]
impl Books for TableStore {
    async fn closing_state(&self) -> Result<ClosingState> {
        let mut tx = self.db.begin_read().await?;
        closing::state(&mut tx).await
    }

    async fn close_month(&self, month: Month, terms: &ClosingTerms<'_>) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        if closing::next(&mut tx).await? != Some(month) {
            return Ok(false);
        }
        closing::close(&mut tx, month, terms).await?;
        sign(&mut tx, terms.today, terms.key, terms.head_topic).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn sign_head(&self, today: NaiveDate, key: &HeadKey, topic: &str) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let signed = sign(&mut tx, today, key, topic).await?;
        tx.commit().await?;
        Ok(signed)
    }

    async fn accept_restatement(
        &self,
        line: Line,
        mark: RecordMark,
        today: NaiveDate,
    ) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let Some(record) = decide(&mut tx, line, mark).await? else {
            return Ok(false);
        };
        let unreadable = StoreError::Corrupt("a restatement that cannot be taken");
        let totals = FundsTotals::read(&record, today).map_err(|_| unreadable)?;
        if funds::apply(&mut tx, &totals, true, today).await?.is_err() {
            return Err(StoreError::Corrupt("a restatement that cannot be taken"));
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn reject_restatement(&self, line: Line, mark: RecordMark) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let decided = decide(&mut tx, line, mark).await?;
        tx.commit().await?;
        Ok(decided.is_some())
    }
}

/// Takes the restatement of a line out of those that wait, if it is the one with this mark.
async fn decide(
    conn: &mut Connection,
    (source, value): Line,
    mark: RecordMark,
) -> Result<Option<Vec<u8>>> {
    let row = sqlx::query("SELECT record FROM restatement WHERE source = $1 AND value = $2")
        .bind(source.as_str())
        .bind(stored_units(value.base_units()))
        .fetch_optional(&mut *conn)
        .await?;
    let record: Option<Vec<u8>> = row.map(|row| row.try_get("record")).transpose()?;
    let Some(record) = record.filter(|record| RecordMark::of(record) == mark) else {
        return Ok(None);
    };
    sqlx::query("DELETE FROM restatement WHERE source = $1 AND value = $2")
        .bind(source.as_str())
        .bind(stored_units(value.base_units()))
        .execute(conn)
        .await?;
    Ok(Some(record))
}

/// Writes a transfer behind the last entry, and moves the balances.
pub(super) async fn book(conn: &mut Connection, day: NaiveDate, transfer: Transfer) -> Result<()> {
    let (index, previous) = end(conn).await?;
    let entry = Entry::chained(index, day, transfer, &previous);
    let transfer = &entry.transfer;
    let (debit, credit) = (transfer.debit.to_string(), transfer.credit.to_string());
    let moved = transfer.amount.base_units();
    sqlx::query(
        "INSERT INTO ledger_entry (position, day, debit, credit, amount, memo, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(int(index)?)
    .bind(day.to_string())
    .bind(&debit)
    .bind(&credit)
    .bind(stored_units(moved))
    .bind(&transfer.memo)
    .bind(entry.hash.as_bytes().to_vec())
    .execute(&mut *conn)
    .await?;
    for (account, change) in [(debit, -moved), (credit, moved)] {
        let balance = balance(conn, &account).await?;
        let balance = balance
            .checked_add(change)
            .ok_or(StoreError::Corrupt("a balance out of range"))?;
        sqlx::query(
            "INSERT INTO account (name, balance) VALUES ($1, $2)
             ON CONFLICT (name) DO UPDATE SET balance = $2",
        )
        .bind(&account)
        .bind(stored_units(balance))
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// What an account has.
pub(super) async fn balance(conn: &mut Connection, account: &str) -> Result<i128> {
    let row = sqlx::query("SELECT balance FROM account WHERE name = $1")
        .bind(account)
        .fetch_optional(conn)
        .await?;
    Ok(row.map_or(Ok(0), |row| units(&row, "balance"))?)
}

/// How many entries there are, and the hash of the last one.
async fn end(conn: &mut Connection) -> Result<(u64, Fixed<32>)> {
    let row = sqlx::query("SELECT position, hash FROM ledger_entry ORDER BY position DESC LIMIT 1")
        .fetch_optional(conn)
        .await?;
    match row {
        Some(row) => Ok((count(&row, "position")? + 1, fixed(&row, "hash")?)),
        None => Ok((0, CHAIN_START)),
    }
}

/// Signs the ledger as it is, keeps the head, and leaves a copy to be published.
async fn sign(conn: &mut Connection, today: NaiveDate, key: &HeadKey, topic: &str) -> Result<bool> {
    let (size, hash) = end(conn).await?;
    let row =
        sqlx::query("SELECT position, chain FROM directory_head ORDER BY position DESC LIMIT 1")
            .fetch_optional(&mut *conn)
            .await?;
    let (witnessed, witnessed_hash) = match row {
        Some(row) => (count(&row, "position")? + 1, fixed(&row, "chain")?),
        None => (0, WITNESS_START),
    };
    let head = key.sign(HeadBody {
        day: today,
        size,
        hash,
        witnessed,
        witnessed_hash,
    });
    let inserted = sqlx::query(
        "INSERT INTO ledger_head (size, witnessed, day, hash, witnessed_hash, public_key, signature)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
    )
    .bind(int(size)?)
    .bind(int(witnessed)?)
    .bind(today.to_string())
    .bind(hash.as_bytes().to_vec())
    .bind(witnessed_hash.as_bytes().to_vec())
    .bind(head.public_key.as_bytes().to_vec())
    .bind(head.signature.as_bytes().to_vec())
    .execute(&mut *conn)
    .await?;
    if inserted.rows_affected() == 0 {
        return Ok(false);
    }
    let row = OutboxRow {
        id: H::new("bt/ledger-head-row/1")
            .part(head.signature.as_bytes())
            .finish(),
        topic: topic.to_owned(),
        key: b"head".to_vec(),
        value: serde_json::to_vec(&head).expect("a head is plain data"),
    };
    insert(conn, &row).await?;
    Ok(true)
}

/// What was reported of funds, and what waits for an operator.
pub(super) async fn funds_state(conn: &mut Connection) -> Result<ClosingState> {
    let rows = sqlx::query("SELECT source, value, day FROM funds")
        .fetch_all(&mut *conn)
        .await?;
    let days = rows.iter().map(|row| Ok((line(row)?, parsed(row, "day")?)));
    let funds_days = days.collect::<Result<_>>()?;
    let rows = sqlx::query("SELECT source, value FROM restatement")
        .fetch_all(conn)
        .await?;
    let restated = rows.iter().map(line).collect::<Result<_>>()?;
    Ok(ClosingState {
        next: None,
        funds_days,
        restated,
    })
}
