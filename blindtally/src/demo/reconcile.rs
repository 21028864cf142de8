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

    pub(super) fn equal<T: PartialEq + Debug>(
        &mut self,
        what: impl Into<String>,
        one: &T,
        other: &T,
    ) {
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
        books.price.times(tokens)
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::attacks::Score;

    const WALLET: FundingSource = FundingSource::UserWallet;

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    /// A month in which one browser bought 40 tokens, voted with 30, and a partial payment stranded.
    fn month() -> (Books, Expected, Scores) {
        let mut books = Books {
            conserved: true,
            votes_accepted: 9,
            tokens_accepted: 30,
            events_published: 9,
            price: amount("0.25"),
            ..Books::default()
        };
        books.arrived.insert(WALLET, amount("10.75"));
        books.orders.paid = 1;
        books.orders.received.insert(WALLET, amount("10"));
        books.orders.sold.insert(WALLET, 40);
        books.registry.signed.insert(WALLET, 40);
        books.registry.redeemed.insert(WALLET, 30);
        books.tokens_published.insert(WALLET, 30);
        books.tally.counted.insert(WALLET, 30);
        books.tally.fees.insert(WALLET, amount("0.375"));
        books.tally.paid_out.insert(WALLET, amount("7.125"));
        books.tally.payouts.insert(WALLET, amount("7.125"));
        books.tally.left.insert(WALLET, amount("2.5"));
        let publishers = BTreeMap::from([("example.com".parse().unwrap(), 30)]);
        books.tally.publishers.clone_from(&publishers);

        let mut expected = Expected {
            publishers,
            ..Expected::default()
        };
        expected.bought(WALLET, 40, amount("0.25")).unwrap();
        expected.issued(WALLET, 40);
        for tokens in [16, 8, 1, 1, 1, 1, 1, 1] {
            expected.voted(WALLET, tokens);
        }
        expected.voted(WALLET, 0);
        expected.books.stranded.insert(WALLET, amount("0.75"));
        let score = Score {
            tried: 3,
            refused: 3,
        };
        let scores = Attack::ALL.into_iter().map(|attack| (attack, score));
        (books, expected, scores.collect())
    }

    #[test]
    fn books_that_agree_are_reconciled() {
        let (books, expected, scores) = month();

        let sheet = check(&books, &expected, &scores);

        assert_eq!(sheet.differences().collect::<Vec<_>>(), [""; 0]);
    }

    #[test]
    fn one_base_unit_or_one_token_anywhere_is_a_difference() {
        let unit = Amount::from_base_units(1).unwrap();
        let rows: [fn(&mut Books) -> &mut BySource<Amount>; 6] = [
            |books| &mut books.arrived,
            |books| &mut books.orders.received,
            |books| &mut books.tally.paid_out,
            |books| &mut books.tally.payouts,
            |books| &mut books.tally.fees,
            |books| &mut books.tally.left,
        ];
        for row in rows {
            let (mut books, expected, scores) = month();
            let cell = row(&mut books).get_mut(&WALLET).unwrap();
            *cell = cell.checked_add(unit).unwrap();
            assert!(!check(&books, &expected, &scores).agrees());
        }
        let rows: [fn(&mut Books) -> &mut u64; 9] = [
            |books| &mut books.votes_accepted,
            |books| &mut books.tokens_accepted,
            |books| &mut books.events_published,
            |books| &mut books.orders.paid,
            |books| books.orders.sold.get_mut(&WALLET).unwrap(),
            |books| books.registry.signed.get_mut(&WALLET).unwrap(),
            |books| books.registry.redeemed.get_mut(&WALLET).unwrap(),
            |books| books.tokens_published.get_mut(&WALLET).unwrap(),
            |books| books.tally.counted.get_mut(&WALLET).unwrap(),
        ];
        for row in rows {
            let (mut books, expected, scores) = month();
            *row(&mut books) += 1;
            assert!(!check(&books, &expected, &scores).agrees());
        }
    }

    #[test]
    fn money_made_up_a_vote_moved_and_an_attack_that_got_something_are_differences() {
        let (mut books, expected, scores) = month();
        books.conserved = false;
        assert!(!check(&books, &expected, &scores).agrees());

        let (mut books, expected, scores) = month();
        let other = ("example.org".parse().unwrap(), 30);
        books.tally.publishers = BTreeMap::from([other]);
        assert!(!check(&books, &expected, &scores).agrees());

        for attack in Attack::ALL {
            let (books, expected, mut scores) = month();
            scores.get_mut(&attack).unwrap().refused -= 1;
            assert!(!check(&books, &expected, &scores).agrees());
            scores.remove(&attack);
            assert!(!check(&books, &expected, &scores).agrees());
        }
    }
}
