//! Lays the books next to each other: every two that must agree, to the last base unit.

use std::fmt::Debug;

use messages::{FundingSource, money::Amount};

use super::{BySource, Scores, books::Books, expected::Expected};
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

    fn equal<T: PartialEq + Debug>(&mut self, what: impl Into<String>, one: &T, other: &T) {
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
    sheet.equal("no money came from nowhere", &books.conserved, &true);
    sheet.equal("orders paid", &books.orders.paid, &theirs.orders_paid);
    sheet.equal("votes accepted", &books.votes_accepted, &theirs.votes);
    sheet.equal(
        "votes accepted and events published",
        &books.votes_accepted,
        &books.events_published,
    );
    sheet.equal(
        "tokens accepted and counted",
        &books.tokens_accepted,
        &books.tally.counted.values().sum(),
    );
    sheet.equal(
        "votes by publisher",
        &books.tally.publishers,
        &expected.publishers,
    );
    for source in FundingSource::ALL {
        money(&mut sheet, books, expected, source);
        tokens(&mut sheet, books, expected, source);
    }
    for attack in Attack::ALL {
        let score = scores.get(&attack).copied().unwrap_or_default();
        sheet.equal(attack.name(), &score.refused, &score.tried);
        sheet.equal(
            format!("{} was tried", attack.name()),
            &(score.tried > 0),
            &true,
        );
    }
    sheet
}

/// The way of one source's money: each figure against the one before it, and against the actors.
fn money(sheet: &mut Sheet, books: &Books, expected: &Expected, source: FundingSource) {
    let of = |row: &BySource<Amount>| row.get(&source).copied().unwrap_or_default();
    let sum = |amounts: &[Amount]| {
        let mut amounts = amounts.iter();
        amounts.try_fold(Amount::ZERO, |sum, amount| sum.checked_add(*amount))
    };
    let worth = |row: &BySource<u64>| {
        let tokens = row.get(&source).copied().unwrap_or_default();
        books.price().times(tokens)
    };
    let (tally, theirs) = (&books.tally, &expected.books);
    let received = of(&books.orders.received);
    let mut equal = |what: &str, one: Option<Amount>, other: Option<Amount>| {
        sheet.equal(format!("{source}: {what}"), &one, &other);
    };
    equal(
        "what arrived at the custodian pays for votes or waits for a refund",
        Some(of(&books.arrived)),
        sum(&[received, of(&theirs.stranded)]),
    );
    equal(
        "money received, by the actors",
        Some(received),
        Some(of(&theirs.received)),
    );
    equal(
        "money received is the price of the tokens sold",
        Some(received),
        worth(&books.orders.sold),
    );
    equal(
        "paid out and fees are the worth of the votes counted",
        sum(&[of(&tally.paid_out), of(&tally.fees)]),
        worth(&tally.counted),
    );
    equal(
        "paid out, fees and what is left are the money received",
        sum(&[of(&tally.paid_out), of(&tally.fees), of(&tally.left)]),
        Some(received),
    );
    equal(
        "the rows of the payouts are what was paid out",
        Some(of(&tally.payouts)),
        Some(of(&tally.paid_out)),
    );
}

/// The way of one source's tokens, likewise.
fn tokens(sheet: &mut Sheet, books: &Books, expected: &Expected, source: FundingSource) {
    let (registry, theirs) = (&books.registry, &expected.books);
    let pairs = [
        (
            "tokens sold, by the actors",
            &books.orders.sold,
            &theirs.sold,
        ),
        (
            "tokens issued, by the actors",
            &registry.signed,
            &theirs.issued,
        ),
        (
            "tokens redeemed, by the actors",
            &registry.redeemed,
            &theirs.counted,
        ),
        (
            "tokens redeemed and published",
            &registry.redeemed,
            &books.tokens_published,
        ),
        (
            "tokens published and counted",
            &books.tokens_published,
            &books.tally.counted,
        ),
    ];
    for (what, one, other) in pairs {
        let of = |row: &BySource<u64>| row.get(&source).copied().unwrap_or_default();
        sheet.equal(format!("{source}: {what}"), &of(one), &of(other));
    }
}
