//! Lays the books next to each other: every two that must agree, to the last base unit.

use std::fmt::Debug;

use messages::{FundingSource, money::Amount};

use super::{Scores, books::Books, expected::Expected};
use crate::attacks::Attack;

/// What was compared.
#[derive(Clone, Debug, Default)]
pub(super) struct Sheet(Vec<Line>);

/// Two figures that must agree.
#[derive(Clone, Debug)]
struct Line {
    what: String,
    one: String,
    other: String,
    agrees: bool,
}

impl Sheet {
    /// Whether everything agrees.
    pub(super) fn agrees(&self) -> bool {
        self.0.iter().all(|line| line.agrees)
    }

    /// What does not, in words.
    pub(super) fn differences(&self) -> impl Iterator<Item = String> {
        let different = self.0.iter().filter(|line| !line.agrees);
        different.map(|line| format!("{}: {} is not {}", line.what, line.one, line.other))
    }

    fn equal<T: PartialEq + Debug>(&mut self, what: impl Into<String>, one: T, other: T) {
        self.0.push(Line {
            what: what.into(),
            agrees: one == other,
            one: format!("{one:?}"),
            other: format!("{other:?}"),
        });
    }
}

/// Compares everything.
pub(super) fn check(books: &Books, expected: &Expected, scores: &Scores) -> Sheet {
    let mut sheet = Sheet::default();
    let theirs = &expected.books;
    sheet.equal("no money came from nowhere", books.conserved, true);
    sheet.equal("orders paid", books.orders.paid, theirs.orders_paid);
    sheet.equal("votes accepted", books.votes_accepted, theirs.votes);
    sheet.equal(
        "votes accepted and events published",
        books.votes_accepted,
        books.events_published,
    );
    sheet.equal(
        "tokens accepted and counted",
        books.tokens_accepted,
        books.tally.counted.values().sum(),
    );
    sheet.equal(
        "votes by publisher",
        &books.tally.publishers,
        &expected.publishers,
    );
    for source in FundingSource::ALL {
        of_source(&mut sheet, books, expected, source);
    }
    for attack in Attack::ALL {
        let score = scores.get(&attack).copied().unwrap_or_default();
        sheet.equal(attack.name(), score.refused, score.tried);
        sheet.equal(format!("{} was tried", attack.name()), score.tried > 0, true);
    }
    sheet
}

/// The way of one source's money: each figure against the one before it, and against the actors.
fn of_source(sheet: &mut Sheet, books: &Books, expected: &Expected, source: FundingSource) {
    let money = |row: &super::BySource<Amount>| row.get(&source).copied().unwrap_or_default();
    let count = |row: &super::BySource<u64>| row.get(&source).copied().unwrap_or_default();
    let sum = |amounts: &[Amount]| {
        amounts.iter().try_fold(Amount::ZERO, |sum, amount| {
            sum.checked_add(*amount)
        })
    };
    let worth = |tokens: u64| books.price().times(tokens);
    let (orders, registry, tally) = (&books.orders, &books.registry, &books.tally);
    let theirs = &expected.books;
    let mut equal = |what: &str, one: String, other: String| {
        sheet.equal(format!("{source}: {what}"), one, other);
    };
    let shown = |amount: Option<Amount>| amount.map_or("too much".to_owned(), |a| a.to_string());

    let received = money(&orders.received);
    equal(
        "what arrived at the custodian is what pays for votes and what waits for a refund",
        shown(Some(money(&books.arrived))),
        shown(sum(&[received, money(&theirs.stranded)])),
    );
    equal(
        "money received, by the actors",
        received.to_string(),
        money(&theirs.received).to_string(),
    );
    equal(
        "money received is the price of the tokens sold",
        received.to_string(),
        shown(worth(count(&orders.sold))),
    );
    equal(
        "tokens sold, by the actors",
        count(&orders.sold).to_string(),
        count(&theirs.sold).to_string(),
    );
    equal(
        "tokens issued, by the actors",
        count(&registry.signed).to_string(),
        count(&theirs.issued).to_string(),
    );
    equal(
        "tokens redeemed, by the actors",
        count(&registry.redeemed).to_string(),
        count(&theirs.counted).to_string(),
    );
    equal(
        "tokens redeemed and published",
        count(&registry.redeemed).to_string(),
        count(&books.tokens_published).to_string(),
    );
    equal(
        "tokens published and counted",
        count(&books.tokens_published).to_string(),
        count(&tally.counted).to_string(),
    );
    equal(
        "paid out and fees are the worth of the votes counted",
        shown(sum(&[money(&tally.paid_out), money(&tally.fees)])),
        shown(worth(count(&tally.counted))),
    );
    equal(
        "paid out, fees and what is left are the money received",
        shown(sum(&[
            money(&tally.paid_out),
            money(&tally.fees),
            money(&tally.left),
        ])),
        received.to_string(),
    );
    equal(
        "the rows of the payouts are what was paid out",
        money(&tally.payouts).to_string(),
        money(&tally.paid_out).to_string(),
    );
}
