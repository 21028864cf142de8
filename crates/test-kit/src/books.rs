//! What the services' own books say, read from their databases.

use std::{collections::BTreeMap, path::Path, time::Duration};

use anyhow::Context as _;
use messages::{
    avro::{self, Record as _},
    money::Amount,
};
use sqlx::{
    AssertSqlSafe, Connection as _, Row as _, SqliteConnection, sqlite::SqliteConnectOptions,
};

/// The books of all services, over both sources of funds.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Books {
    /// Orders that became paid, by payments.
    pub orders_paid: u64,
    /// What was received for them.
    pub received: Amount,
    /// Tokens that they bought.
    pub sold: u64,
    /// Money that pays for nothing.
    pub surplus_rows: u64,
    /// Tokens that challenge-bypass signed.
    pub signed: u64,
    /// Tokens that it took.
    pub redeemed: u64,
    /// Spent tokens that it remembers.
    pub spent: u64,
    /// Votes that payments took.
    pub votes: u64,
    /// Tokens on them.
    pub tokens_counted: u64,
    /// Votes that wait to be published.
    pub waiting: u64,
    /// Events on the topic.
    pub events: u64,
    /// Their ids, all different.
    pub event_ids: u64,
    /// Their tokens.
    pub published: u64,
    /// Tokens that tally counted, by channel.
    pub counted: BTreeMap<String, u64>,
    /// Of closed months: tokens that were paid, what publishers got, and what was kept as fees.
    pub closed: Closed,
}

/// What closings did.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Closed {
    /// Tokens that were paid.
    pub votes: u64,
    /// What they were worth.
    pub amount: Amount,
    /// What publishers got.
    pub payouts: Amount,
    /// What was kept.
    pub fees: Amount,
    /// Tokens that wait for the next closing.
    pub left_waiting: u64,
}

impl Books {
    /// Reads the books of the system in `dir`.
    pub async fn read(dir: &Path) -> anyhow::Result<Self> {
        let mut books = Self::default();
        books.read_orders(dir).await?;
        let mut registry = open(&dir.join("challenge-bypass.db")).await?;
        let total = |column| format!("SELECT SUM({column}) FROM issuer_keys");
        books.signed = number(&mut registry, &total("signed_total")).await?;
        books.redeemed = number(&mut registry, &total("redeemed_total")).await?;
        books.spent = number(&mut registry, "SELECT COUNT(*) FROM redemptions").await?;
        let mut votes = open(&dir.join("payments-votes.db")).await?;
        books.votes = number(&mut votes, "SELECT COUNT(*) FROM vote").await?;
        let counted = "SELECT SUM(tokens_counted) FROM key_count";
        books.tokens_counted = number(&mut votes, counted).await?;
        books.waiting = number(&mut votes, "SELECT COUNT(*) FROM outbox").await?;
        books.read_events(dir).await?;
        books.read_tally(dir).await?;
        Ok(books)
    }

    async fn read_orders(&mut self, dir: &Path) -> anyhow::Result<()> {
        let mut orders = open(&dir.join("payments-orders.db")).await?;
        let paid = "SELECT SUM(orders) FROM paid_day_orders";
        self.orders_paid = number(&mut orders, paid).await?;
        self.sold = number(&mut orders, "SELECT SUM(votes_sold) FROM funds_totals").await?;
        self.surplus_rows = number(&mut orders, "SELECT COUNT(*) FROM surplus").await?;
        let received = sqlx::query_scalar::<_, String>("SELECT received FROM funds_totals");
        for amount in received.fetch_all(&mut orders).await? {
            self.received = add(self.received, amount.parse()?)?;
        }
        Ok(())
    }

    async fn read_events(&mut self, dir: &Path) -> anyhow::Result<()> {
        let mut log = open(&dir.join("event-log.db")).await?;
        let values = "SELECT value FROM record WHERE topic LIKE '%.payment.vote'";
        let values = sqlx::query_scalar::<_, Vec<u8>>(values)
            .fetch_all(&mut log)
            .await?;
        let mut ids = std::collections::BTreeSet::new();
        for value in &values {
            let event = avro::Vote::decode(value).context("an event is a vote")?;
            self.events += 1;
            self.published += u64::try_from(event.vote_tally)?;
            ids.insert(event.id);
        }
        self.event_ids = ids.len() as u64;
        Ok(())
    }

    async fn read_tally(&mut self, dir: &Path) -> anyhow::Result<()> {
        let mut tally = open(&dir.join("tally.db")).await?;
        let piles = "SELECT channel, SUM(votes) FROM vote_pile GROUP BY channel";
        for row in sqlx::query(piles).fetch_all(&mut tally).await? {
            let votes = u64::try_from(row.try_get::<i64, _>(1)?)?;
            self.counted.insert(row.try_get(0)?, votes);
        }
        self.closed.votes = number(&mut tally, "SELECT SUM(votes) FROM closing").await?;
        let waiting = "SELECT SUM(waiting) FROM vote_pile";
        self.closed.left_waiting = number(&mut tally, waiting).await?;
        self.closed.amount = sum(&mut tally, "SELECT amount FROM closing").await?;
        self.closed.fees = sum(&mut tally, "SELECT fee FROM closing").await?;
        self.closed.payouts = sum(&mut tally, "SELECT amount FROM payout").await?;
        Ok(())
    }

    /// Tokens that tally counted.
    pub fn counted_in_all(&self) -> u64 {
        self.counted.values().sum()
    }
}

/// Changes a database behind its service's back: how a test plants a fault in a real program.
pub async fn tamper(database: &Path, statement: &'static str) -> anyhow::Result<()> {
    let mut database = open(database).await?;
    sqlx::raw_sql(statement).execute(&mut database).await?;
    Ok(database.close().await?)
}

async fn open(file: &Path) -> anyhow::Result<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .busy_timeout(Duration::from_secs(10));
    Ok(SqliteConnection::connect_with(&options).await?)
}

async fn number(database: &mut SqliteConnection, select: &str) -> anyhow::Result<u64> {
    let found = sqlx::query_scalar::<_, Option<i64>>(AssertSqlSafe(select.to_owned()));
    Ok(u64::try_from(
        found.fetch_one(database).await?.unwrap_or_default(),
    )?)
}

/// Adds up amounts as tally stores them: base units in 16 bytes, big endian.
async fn sum(database: &mut SqliteConnection, select: &'static str) -> anyhow::Result<Amount> {
    let mut sum = Amount::ZERO;
    for bytes in sqlx::query_scalar::<_, Vec<u8>>(select)
        .fetch_all(database)
        .await?
    {
        let units = i128::from_be_bytes(bytes.as_slice().try_into()?);
        let amount = Amount::from_base_units(units).context("an amount is not negative")?;
        sum = add(sum, amount)?;
    }
    Ok(sum)
}

fn add(one: Amount, other: Amount) -> anyhow::Result<Amount> {
    one.checked_add(other).context("more money than there is")
}
