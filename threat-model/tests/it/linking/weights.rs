//! The attacker who weighs purchases.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use client::plan::{split, spread};
use clock::random::draw;
use rand::{Rng as _, seq::SliceRandom as _};

use super::{CROWDS, Linked, Published, Purchase, Truth, count, hours, last_vote};
use crate::month::{Habit, Month, Plan, buyers::INTERESTS_MAX};

/// What the attacker looks at, and what it is told beforehand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Attacker {
    /// The events of the topic.
    Events,
    /// The events, and of each how many tokens its buyer bought: what is left are times and places.
    EventsAndQuantities,
    /// The rows of redeemed tokens.
    Tokens,
    /// The rows, and of each how many tokens its buyer bought.
    TokensAndQuantities,
}

pub(super) const ATTACKERS: [Attacker; 4] = [
    Attacker::Events,
    Attacker::EventsAndQuantities,
    Attacker::Tokens,
    Attacker::TokensAndQuantities,
];

/// The publisher's day begins after the last slot of the day before.
const LAST_SLOT: TimeDelta = TimeDelta::minutes(18 * 60 + 10);

/// Between two slots votes are shuffled: a place in the log says this much about a time.
const SLOT: TimeDelta = TimeDelta::hours(6);

/// The attacker tries the client's program so often, to learn what it does.
const TRIES: u64 = 400;

/// A vote or a token whose buyer is to be found.
struct Target {
    buyer: usize,
    source: messages::FundingSource,
    /// `None`: one token of a vote of unknown size.
    tokens: Option<usize>,
    /// When it was sent, as far as what is stored tells.
    sent: (DateTime<Utc>, DateTime<Utc>),
}

impl Attacker {
    pub(super) fn link(self, month: &Month) -> Linked {
        let truth = Truth::of(month);
        let targets = match self {
            Self::Events | Self::EventsAndQuantities => events(month, &truth),
            Self::Tokens | Self::TokensAndQuantities => tokens(month, &truth),
        };
        assert!(!targets.is_empty());
        let habits = Habits::learn(&month.plan);
        let mut linked = Linked::default();
        for (number, target) in targets.iter().enumerate() {
            self.find(month, &truth, &habits, (number, target), &mut linked);
        }
        linked
    }

    fn is_told(self) -> bool {
        match self {
            Self::Events | Self::Tokens => false,
            Self::EventsAndQuantities | Self::TokensAndQuantities => true,
        }
    }

    fn find(
        self,
        month: &Month,
        truth: &Truth,
        habits: &Habits,
        (number, target): (usize, &Target),
        linked: &mut Linked,
    ) {
        let quantity = month.buyers[target.buyer].quantity;
        let of_key = month.seen.purchases.iter();
        let mut candidates: Vec<&Purchase> = of_key
            .filter(|bought| bought.source == target.source)
            .filter(|bought| !self.is_told() || bought.quantity == quantity)
            .collect();
        // Whom the attacker holds equally likely it names by lot.
        candidates.shuffle(&mut draw(1, "attacker", number));
        let crowd = candidates.len().div_ceil(CROWDS);
        let until = month.seen.redeem_until[&target.source];
        let mut weighed: Vec<(f64, usize)> = Vec::new();
        let mut beforehand: Vec<f64> = Vec::new();
        for bought in candidates {
            let (all, fitting) = habits.votes(bought.quantity, target.tokens);
            let last = last_vote(&month.plan, bought.from, until);
            let weight = fitting * chance(target.sent, (bought.from, last));
            weighed.push((weight, truth.items[&bought.item]));
            beforehand.push(all);
        }
        weighed.sort_by(|one, other| other.0.total_cmp(&one.0));
        let rank = weighed.iter().position(|(_, buyer)| *buyer == target.buyer);
        linked.count(rank.unwrap(), crowd, guess(beforehand, crowd));
    }
}

/// How often the best guess is right that looks at purchases and not at the vote: one buyer, and a crowd.
fn guess(mut weights: Vec<f64>, crowd: usize) -> (f64, f64) {
    weights.sort_by(|one, other| other.total_cmp(one));
    let all: f64 = weights.iter().sum();
    let best = weights.iter().take(crowd).sum::<f64>();
    (weights[0] / all, best / all)
}

/// How likely a vote is sent within `sent`, by somebody who draws its time evenly from `window`.
fn chance(sent: (DateTime<Utc>, DateTime<Utc>), window: (DateTime<Utc>, DateTime<Utc>)) -> f64 {
    let shared = sent.1.min(window.1) - sent.0.max(window.0);
    // A slot of an hour may take a vote to just after its time.
    let length = (window.1 - window.0).max(TimeDelta::hours(1));
    hours(shared).max(0.0) / hours(length)
}

fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

/// The votes, with the time that day and place in the log tell: the more of a day's votes of the partition lie
/// before one, the later in the day it came.
fn events(month: &Month, truth: &Truth) -> Vec<Target> {
    let mut days: BTreeMap<(NaiveDate, i64), Vec<&Published>> = BTreeMap::new();
    for event in &month.seen.published {
        let of_day = days.entry((event.day, event.place.0)).or_default();
        of_day.push(event);
    }
    let mut targets = Vec::new();
    for ((day, _), mut of_day) in days {
        of_day.sort_by_key(|event| event.place);
        let length = TimeDelta::days(1);
        let begins = midnight(day) + LAST_SLOT - length;
        let all = i32::try_from(of_day.len()).unwrap();
        for (event, place) in of_day.iter().zip(0..) {
            let about = begins + length * place / all;
            let early = (about - SLOT).max(begins);
            let late = (about + SLOT).min(begins + length);
            targets.push(Target {
                buyer: truth.events[&event.event],
                source: event.source,
                tokens: Some(event.tokens),
                sent: (early, late),
            });
        }
    }
    targets
}

fn tokens(month: &Month, truth: &Truth) -> Vec<Target> {
    let target = |token: &super::Redeemed| Target {
        buyer: truth.tokens[&token.spent],
        source: token.source,
        tokens: None,
        sent: (
            midnight(token.day),
            midnight(token.day) + TimeDelta::days(1),
        ),
    };
    month.seen.redeemed.iter().map(target).collect()
}

/// What the client makes of purchases: how many votes of each size, on average.
struct Habits(HashMap<u32, HashMap<usize, f64>>);

impl Habits {
    /// Runs the client's own program, which everybody has.
    fn learn(plan: &Plan) -> Self {
        let mut habits = HashMap::new();
        for quantity in &plan.quantities {
            habits
                .entry(*quantity)
                .or_insert_with(|| sizes(plan.habit, *quantity));
        }
        Self(habits)
    }

    /// How many votes somebody casts who bought `quantity`, and how many of them have this size; or tokens.
    fn votes(&self, quantity: u32, size: Option<usize>) -> (f64, f64) {
        let of_quantity = &self.0[&quantity];
        match size {
            None => (f64::from(quantity), f64::from(quantity)),
            Some(size) => {
                let fitting = of_quantity.get(&size).copied().unwrap_or(0.0);
                (of_quantity.values().sum(), fitting)
            }
        }
    }
}

fn sizes(habit: Habit, quantity: u32) -> HashMap<usize, f64> {
    let tokens = usize::try_from(quantity).unwrap();
    if habit == Habit::Whole {
        return HashMap::from([(tokens, 1.0)]);
    }
    let mut sizes = HashMap::new();
    for number in 0..TRIES {
        let mut random = draw(number, "attacker", quantity);
        let publishers = random.gen_range(1..=INTERESTS_MAX);
        let attention: Vec<u32> = (0..publishers).map(|_| random.gen_range(1..=60)).collect();
        for of_publisher in spread(tokens, &attention, &mut random) {
            for size in split(of_publisher, &mut random) {
                *sizes.entry(size).or_default() += 1.0 / count(usize::try_from(TRIES).unwrap());
            }
        }
    }
    sizes
}
