//! What the actors did, added up: what the system must show.

use std::collections::BTreeMap;

use anyhow::Context as _;
use messages::{FundingSource, money::Amount, publisher::Publisher};

use crate::attacks::Books;

/// Sums over everybody who took part.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected {
    /// What was paid, bought and voted.
    pub(super) books: Books,
    /// Tokens by publisher.
    pub(super) publishers: BTreeMap<Publisher, u64>,
    /// What went otherwise than straight.
    pub(super) turns: Turns,
}

/// How often something went otherwise than straight.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Turns {
    /// Browsers whose transfers were pending first.
    pub(super) pending: u64,
    /// Browsers that paid in two parts.
    pub(super) in_parts: u64,
    /// Deaths of browsers.
    pub(super) crashes: u64,
}

impl Expected {
    /// A purchase was paid.
    pub(super) fn bought(
        &mut self,
        source: FundingSource,
        quantity: u32,
        price: Amount,
    ) -> anyhow::Result<()> {
        let total = price.times(quantity.into()).context("a price")?;
        self.books.orders_paid += 1;
        Books::add(&mut self.books.received, source, total);
        *self.books.sold.entry(source).or_default() += u64::from(quantity);
        Ok(())
    }

    /// Its tokens were signed.
    pub(super) fn issued(&mut self, source: FundingSource, tokens: u64) {
        *self.books.issued.entry(source).or_default() += tokens;
    }

    /// A vote was counted.
    pub(super) fn voted(&mut self, source: FundingSource, tokens: u64) {
        self.books.votes += 1;
        *self.books.counted.entry(source).or_default() += tokens;
    }

    /// Adds what somebody else did.
    pub(super) fn add(&mut self, other: Self) {
        let Books {
            orders_paid,
            received,
            sold,
            issued,
            counted,
            votes,
            stranded,
        } = other.books;
        self.turns.pending += other.turns.pending;
        self.turns.in_parts += other.turns.in_parts;
        self.turns.crashes += other.turns.crashes;
        self.books.orders_paid += orders_paid;
        self.books.votes += votes;
        for (row, amounts) in [
            (&mut self.books.received, received),
            (&mut self.books.stranded, stranded),
        ] {
            for (source, amount) in amounts {
                Books::add(row, source, amount);
            }
        }
        for (row, counts) in [
            (&mut self.books.sold, sold),
            (&mut self.books.issued, issued),
            (&mut self.books.counted, counted),
        ] {
            for (source, count) in counts {
                *row.entry(source).or_default() += count;
            }
        }
        for (publisher, count) in other.publishers {
            *self.publishers.entry(publisher).or_default() += count;
        }
    }
}
