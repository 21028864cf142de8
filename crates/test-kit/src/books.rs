//! What the services' own books say, read from their databases.

use std::collections::BTreeMap;

use anyhow::Context as _;
use messages::{
    avro::{self, Record as _},
    money::Amount,
};

use crate::{database::Database, stores::Stores};

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
    /// Reads the books of a system.
    pub async fn read(stores: &Stores) -> anyhow::Result<Self> {
        let mut books = Self::default();
        books.read_orders(stores).await?;
        let mut registry = stores.open("challenge-bypass.db").await?;
        let total = |column| format!("SELECT SUM({column}) FROM issuer_keys");
        books.signed = registry.number(&total("signed_total")).await?;
        books.redeemed = registry.number(&total("redeemed_total")).await?;
        books.spent = registry.number("SELECT COUNT(*) FROM redemptions").await?;
        let mut votes = stores.open("payments-votes.db").await?;
        books.votes = votes.number("SELECT COUNT(*) FROM vote").await?;
        let counted = "SELECT SUM(tokens_counted) FROM key_count";
        books.tokens_counted = votes.number(counted).await?;
        books.waiting = votes.number("SELECT COUNT(*) FROM outbox").await?;
        books.read_events(stores).await?;
        books.read_tally(stores).await?;
        Ok(books)
    }

    async fn read_orders(&mut self, stores: &Stores) -> anyhow::Result<()> {
        let mut orders = stores.open("payments-orders.db").await?;
        let paid = "SELECT SUM(orders) FROM paid_day_orders";
        self.orders_paid = orders.number(paid).await?;
        let sold = "SELECT SUM(votes_sold) FROM funds_totals";
        self.sold = orders.number(sold).await?;
        self.surplus_rows = orders.number("SELECT COUNT(*) FROM surplus").await?;
        for row in orders.rows("SELECT received FROM funds_totals").await? {
            self.received = add(self.received, row.text(0).parse()?)?;
        }
        Ok(())
    }

    async fn read_events(&mut self, stores: &Stores) -> anyhow::Result<()> {
        let mut ids = std::collections::BTreeSet::new();
        for (_, record) in stores.records("payment.vote").await? {
            let event = avro::Vote::decode(&record.value).context("an event is a vote")?;
            self.events += 1;
            self.published += u64::try_from(event.vote_tally)?;
            ids.insert(event.id);
        }
        self.event_ids = ids.len() as u64;
        Ok(())
    }

    async fn read_tally(&mut self, stores: &Stores) -> anyhow::Result<()> {
        let mut tally = stores.open("tally.db").await?;
        let piles = "SELECT channel, SUM(votes) FROM vote_pile GROUP BY channel";
        for row in tally.rows(piles).await? {
            let votes = u64::try_from(row.number(1))?;
            self.counted.insert(row.text(0).to_owned(), votes);
        }
        self.closed.votes = tally.number("SELECT SUM(votes) FROM closing").await?;
        let waiting = "SELECT SUM(waiting) FROM vote_pile";
        self.closed.left_waiting = tally.number(waiting).await?;
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

async fn sum(database: &mut Database, select: &str) -> anyhow::Result<Amount> {
    let mut sum = Amount::ZERO;
    for row in database.rows(select).await? {
        let amount = Amount::from_base_units(row.units(0));
        sum = add(sum, amount.context("an amount is not negative")?)?;
    }
    Ok(sum)
}

fn add(one: Amount, other: Amount) -> anyhow::Result<Amount> {
    one.checked_add(other).context("more money than there is")
}
