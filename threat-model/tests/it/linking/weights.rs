//! The attacker who weighs purchases.

use std::collections::{BTreeMap, HashMap, btree_map::Entry};

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use client::plan::{split, spread};
use clock::random::draw;
use rand::{Rng as _, seq::SliceRandom as _};
use service_kit::event_log::Partition;

use super::{CROWDS, Linked, Published, Purchase, Truth, count, hours, window};
use crate::month::{Habit, Month, Plan, buyers::INTERESTS_MAX};

/// What the attacker looks at, and what it is told beforehand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Attacker {
    /// The events of the topic.
    Events,
    /// The events, and of each how many tokens its buyer bought: what is left are times and places.
    EventsAndQuantities,
    /// All events of one buyer for one publisher together, as if nobody else voted for that publisher.
    Publishers,
    /// The same, and how many tokens the buyer bought: what is left are many times and places.
    PublishersAndQuantities,
    /// The rows of redeemed tokens.
    Tokens,
    /// The rows, and of each how many tokens its buyer bought.
    TokensAndQuantities,
}

pub(super) const ATTACKERS: [Attacker; 6] = [
    Attacker::Events,
    Attacker::EventsAndQuantities,
    Attacker::Publishers,
    Attacker::PublishersAndQuantities,
    Attacker::Tokens,
    Attacker::TokensAndQuantities,
];

/// The publisher's day begins after the last slot of the day before.
const LAST_SLOT: TimeDelta = TimeDelta::minutes(18 * 60 + 10);

/// Between two slots votes are shuffled: a place in the log says this much about a time.
const SLOT: TimeDelta = TimeDelta::hours(6);

/// The attacker tries the client's program so often, to learn what it does.
const TRIES: u64 = 400;

/// What an attacker sees of a target, beside times.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Size {
    /// All votes of somebody for one publisher, with so many tokens together.
    Publisher(usize),
    /// One token of a vote of unknown size.
    Token,
    /// A vote with so many tokens.
    Vote(usize),
}

/// Votes or a token whose buyer is to be found.
struct Target {
    buyer: usize,
    source: messages::FundingSource,
    size: Size,
    /// When each vote was sent, as far as what is stored tells.
    sent: Vec<Span>,
}

type Span = (DateTime<Utc>, DateTime<Utc>);

impl Attacker {
    pub(super) fn link(self, month: &Month) -> Linked {
        let truth = Truth::of(month);
        let targets = match self {
            Self::Events | Self::EventsAndQuantities => {
                let events = events(month, &truth);
                events.into_iter().map(|(_, target)| target).collect()
            }
            Self::Publishers | Self::PublishersAndQuantities => publishers(month, &truth),
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
            Self::Events | Self::Publishers | Self::Tokens => false,
            Self::EventsAndQuantities
            | Self::PublishersAndQuantities
            | Self::TokensAndQuantities => true,
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
        let key = &month.seen.keys[&target.source];
        let mut weighed: Vec<(f64, usize)> = Vec::new();
        let mut beforehand: Vec<f64> = Vec::new();
        for bought in candidates {
            let (all, fitting) = habits.of(bought.quantity, target.size);
            let window = window(&month.plan, bought.from, key);
            let sent = target.sent.iter().map(|sent| chance(*sent, window));
            weighed.push((fitting * sent.product::<f64>(), truth.items[&bought.item]));
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
fn chance(sent: Span, window: Span) -> f64 {
    let shared = sent.1.min(window.1) - sent.0.max(window.0);
    // A slot of an hour may take a vote to just after its time.
    let length = (window.1 - window.0).max(TimeDelta::hours(1));
    hours(shared).max(0.0) / hours(length)
}

fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

/// The votes, with the time that day and place in the log tell: the more of a day's votes of the partition lie
/// before one, the later in the day it came. With each, whom it is for.
fn events<'a>(month: &'a Month, truth: &Truth) -> Vec<(&'a str, Target)> {
    let mut days: BTreeMap<(NaiveDate, Partition), Vec<&Published>> = BTreeMap::new();
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
            let target = Target {
                buyer: truth.events[&event.event],
                source: event.source,
                size: Size::Vote(event.tokens),
                sent: vec![(early, late)],
            };
            targets.push((&*event.channel, target));
        }
    }
    targets
}

/// What each buyer sent for each publisher, as one target.
fn publishers(month: &Month, truth: &Truth) -> Vec<Target> {
    let mut together = BTreeMap::<(usize, &str), Target>::new();
    for (channel, vote) in events(month, truth) {
        let Size::Vote(tokens) = vote.size else {
            unreachable!("an event is a vote");
        };
        match together.entry((vote.buyer, channel)) {
            Entry::Vacant(first) => {
                first.insert(Target {
                    size: Size::Publisher(tokens),
                    ..vote
                });
            }
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                if let Size::Publisher(sum) = &mut known.size {
                    *sum += tokens;
                }
                known.sent.extend(vote.sent);
            }
        }
    }
    together.into_values().collect()
}

fn tokens(month: &Month, truth: &Truth) -> Vec<Target> {
    let target = |token: &super::Redeemed| Target {
        buyer: truth.tokens[&token.spent],
        source: token.source,
        size: Size::Token,
        sent: vec![(
            midnight(token.day),
            midnight(token.day) + TimeDelta::days(1),
        )],
    };
    month.seen.redeemed.iter().map(target).collect()
}

/// What the client makes of a purchase: how many votes and publishers of each size, on average.
struct Habits(HashMap<u32, HashMap<Size, f64>>);

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

    /// How many targets of this kind somebody leaves who bought `quantity`, and how many of them look like this one.
    fn of(&self, quantity: u32, size: Size) -> (f64, f64) {
        let sizes = &self.0[&quantity];
        let of_kind = sizes.iter().filter(|(other, _)| other.is_like(size));
        let fitting = sizes.get(&size).copied().unwrap_or(0.0);
        (of_kind.map(|(_, count)| count).sum(), fitting)
    }
}

impl Size {
    /// Whether both are of one kind.
    fn is_like(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

fn sizes(habit: Habit, quantity: u32) -> HashMap<Size, f64> {
    let tokens = usize::try_from(quantity).unwrap();
    let mut sizes = HashMap::from([(Size::Token, f64::from(quantity))]);
    if habit == Habit::Whole {
        sizes.insert(Size::Vote(tokens), 1.0);
        sizes.insert(Size::Publisher(tokens), 1.0);
        return sizes;
    }
    let share = 1.0 / count(usize::try_from(TRIES).unwrap());
    for number in 0..TRIES {
        let mut random = draw(number, "attacker", quantity);
        let publishers = random.gen_range(1..=INTERESTS_MAX);
        let attention: Vec<u32> = (0..publishers).map(|_| random.gen_range(1..=60)).collect();
        let counts = spread(tokens, &attention, &mut random);
        for of_publisher in counts.into_iter().filter(|tokens| *tokens > 0) {
            *sizes.entry(Size::Publisher(of_publisher)).or_default() += share;
            for size in split(of_publisher, &mut random) {
                *sizes.entry(Size::Vote(size)).or_default() += share;
            }
        }
    }
    sizes
}
