//! Who takes part: every browser's habits, drawn from the seed and its name.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use client::{browser::Interest, crash::Step};
use clock::random::draw;
use messages::{FundingSource, publisher::Publisher};
use rand::{Rng, seq::SliceRandom as _};

/// Quantities that payments sells, of those that a person buys in a month.
const QUANTITIES: [u32; 4] = [4, 8, 20, 40];

/// Purchases begin on the first days of the month, so that the last votes are cast within it.
const BUYING_DAYS: i64 = 18;

/// Purchases begin at these steps of the calendar, so that several begin at once.
const BUYING_STEP_HOURS: i64 = 4;

/// A browser visits so many publishers at most.
const INTERESTS_MAX: usize = 8;

/// How a browser pays.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wallet {
    /// With its own money at Gemini.
    Gemini,
    /// With an anonymous card.
    Card,
    /// With its own money at Uphold.
    Uphold,
}

impl Wallet {
    /// Whose money it is.
    pub(super) fn source(self) -> FundingSource {
        match self {
            Self::Card => FundingSource::AnonymousCard,
            Self::Gemini | Self::Uphold => FundingSource::UserWallet,
        }
    }
}

/// One browser.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// Its name.
    pub(super) name: String,
    /// How it pays.
    pub(super) wallet: Wallet,
    /// How many tokens it buys.
    pub(super) quantity: u32,
    /// In how many transfers it pays, unless by card.
    pub(super) parts: u32,
    /// For how long its transfers are pending.
    pub(super) pending: TimeDelta,
    /// When it begins.
    pub(super) begins: DateTime<Utc>,
    /// After which steps it dies, once each.
    pub(super) crashes: Vec<Step>,
    /// What it gave attention to.
    pub(super) interests: Vec<Interest>,
}

/// All browsers of a demo.
pub(super) fn browsers(
    count: usize,
    publishers: &[Publisher],
    seed: u64,
    start: DateTime<Utc>,
) -> Vec<Part> {
    (0..count)
        .map(|number| browser(number, publishers, seed, start))
        .collect()
}

fn browser(number: usize, publishers: &[Publisher], seed: u64, start: DateTime<Utc>) -> Part {
    let name = format!("browser {number}");
    let mut random = draw(seed, &name, "habits");
    let random = &mut random;
    let wallet = *pick(&[Wallet::Uphold, Wallet::Gemini, Wallet::Card], random);
    let step = random.gen_range(0..BUYING_DAYS * 24 / BUYING_STEP_HOURS);
    Part {
        wallet,
        quantity: *pick(&QUANTITIES, random),
        parts: if random.gen_bool(0.2) { 2 } else { 1 },
        pending: if random.gen_bool(0.25) {
            TimeDelta::hours(random.gen_range(2..20))
        } else {
            TimeDelta::zero()
        },
        // Not at midnight: keys and heads change there.
        begins: start + TimeDelta::hours(2 + BUYING_STEP_HOURS * step),
        crashes: if random.gen_bool(0.2) {
            let mut steps = Step::OF_VOTES.to_vec();
            steps.shuffle(random);
            steps.truncate(random.gen_range(1..=2));
            steps
        } else {
            Vec::new()
        },
        interests: interests(publishers, random),
        name,
    }
}

/// Some publishers and the attention that they had. The first publishers are everybody's favourites.
fn interests<R: Rng>(publishers: &[Publisher], random: &mut R) -> Vec<Interest> {
    let wanted = random.gen_range(1..=INTERESTS_MAX).min(publishers.len());
    let mut chosen = BTreeMap::new();
    while chosen.len() < wanted {
        let place = random.gen_range(0..publishers.len());
        let favourite = random.gen_range(0..=place);
        if let Some(publisher) = publishers.get(favourite) {
            chosen.insert(publisher.clone(), random.gen_range(1..=60));
        }
    }
    chosen
        .into_iter()
        .map(|(publisher, attention)| Interest {
            publisher,
            attention,
        })
        .collect()
}

fn pick<'a, T, R: Rng>(choices: &'a [T], random: &mut R) -> &'a T {
    choices
        .choose(random)
        .expect("there is always something to choose from")
}

/// The publishers of a demo: sites and accounts.
pub(super) fn publishers(count: usize) -> Vec<Publisher> {
    let name = |number: usize| match number % 5 {
        0 => format!("example-{number}.com"),
        1 => format!("example-{number}.org"),
        2 => format!("youtube#channel:example-{number}"),
        3 => format!("github#user:example-{number}"),
        _ => format!("twitch#author:example-{number}"),
    };
    (0..count)
        .map(|number| name(number).parse().expect("the name is in the grammar"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_has_the_same_habits_whoever_else_takes_part() {
        let (publishers, start) = (publishers(25), DateTime::UNIX_EPOCH);
        let few = browsers(3, &publishers, 7, start);
        let many = browsers(200, &publishers, 7, start);

        for (one, other) in few.iter().zip(&many) {
            assert_eq!(format!("{one:?}"), format!("{other:?}"));
        }
    }

    #[test]
    fn a_demo_of_the_usual_size_shows_everything() {
        let parts = browsers(200, &publishers(25), 1, DateTime::UNIX_EPOCH);

        for wallet in [Wallet::Card, Wallet::Gemini, Wallet::Uphold] {
            let of_wallet = || parts.iter().filter(|part| part.wallet == wallet);
            assert!(of_wallet().any(|part| part.pending > TimeDelta::zero()));
            assert!(of_wallet().any(|part| part.parts == 2));
        }
        for step in Step::OF_VOTES {
            assert!(parts.iter().any(|part| part.crashes.contains(&step)));
        }
    }
}
