//! What is measured, drawn from the seed, and what must be opened of it.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use clock::random::draw;
use rand::{Rng as _, seq::SliceRandom as _};

use super::{EPOCHS, K, begins};
use crate::system::CollectorRules;

/// How many layers a measurement has.
pub(super) const LAYERS: usize = 6;

/// A layer: its name, its values, and how many of a hundred clients have each.
type Layer = (&'static str, &'static [(&'static str, u32)]);

/// The layers. Some values are everybody's, some are rarer than the threshold.
const POPULATION: [Layer; LAYERS] = [
    (
        "metric",
        &[
            ("Uptime", 50),
            ("OpenTabs", 25),
            ("SearchEngine", 15),
            ("SyncDevices", 7),
            ("RareFeature", 3),
        ],
    ),
    ("answer", &[("0", 75), ("1", 25)]),
    ("platform", &[("linux", 70), ("windows", 20), ("macos", 10)]),
    ("channel", &[("release", 85), ("beta", 15)]),
    ("country", &[("other", 80), ("SE", 15), ("IS", 5)]),
    ("installed", &[("long ago", 90), ("this week", 10)]),
];

/// A measurement: the value of each layer.
pub(super) type Values = [&'static str; LAYERS];

/// So many clients go the whole way, and measure so often in an epoch.
pub(super) const CLIENTS: usize = 20;

/// See [`CLIENTS`].
const EACH: usize = 5;

/// All measurements, by epoch.
#[derive(Clone, Debug)]
pub(in crate::demo) struct Population {
    seed: u64,
    epochs: Vec<Vec<Values>>,
}

/// What must be opened: the total of each measurement, by the first day of its epoch and its values in layers.
pub(in crate::demo) type Totals = BTreeMap<(NaiveDate, Vec<String>), u64>;

/// What becomes of the measurements, if everything is right.
#[derive(Clone, Debug, Default)]
pub(super) struct Truth {
    /// What must be opened.
    pub(super) totals: Totals,
    /// How many must stay closed.
    pub(super) closed: u64,
}

impl Population {
    /// So many measurements over all epochs.
    pub(in crate::demo) fn new(count: u32, seed: u64) -> Self {
        let epochs = u32::from(EPOCHS);
        let of_epoch = |epoch: u32| {
            let share = count / epochs + u32::from(epoch < count % epochs);
            let name = |number| format!("measurement {number} of epoch {epoch}");
            (0..share)
                .map(|number| values(seed, &name(number)))
                .collect()
        };
        Self {
            seed,
            epochs: (0..epochs).map(of_epoch).collect(),
        }
    }

    /// What everything is drawn from.
    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// How many there are.
    pub(in crate::demo) fn count(&self) -> u64 {
        let counts = self.epochs.iter().map(Vec::len);
        u64::try_from(counts.sum::<usize>()).unwrap_or(u64::MAX)
    }

    fn of_epoch(&self, epoch: u8) -> &[Values] {
        self.epochs
            .get(usize::from(epoch))
            .map_or(&[], Vec::as_slice)
    }

    /// What one of the clients measures that go the whole way.
    pub(super) fn of_client(&self, epoch: u8, client: usize) -> impl Iterator<Item = Values> {
        let of_clients = self.of_epoch(epoch).iter().take(CLIENTS * EACH);
        of_clients.copied().skip(client).step_by(CLIENTS)
    }

    /// What everybody else measures.
    pub(super) fn of_crowd(&self, epoch: u8) -> Vec<Values> {
        let of_epoch = self.of_epoch(epoch).iter();
        of_epoch.copied().skip(CLIENTS * EACH).collect()
    }

    /// Whether enough measure what is measured most, so that forged shares among theirs can be told.
    pub(super) fn has_crowd(&self, epoch: u8) -> bool {
        let favourite = favourite();
        let of_epoch = self.of_epoch(epoch).iter();
        let same = of_epoch.filter(|values| values.first() == favourite.first());
        u32::try_from(same.count()).unwrap_or(u32::MAX) >= 2 * K
    }

    /// What must be opened: of each message as many layers as K or more have in common.
    pub(super) fn truth(&self, rules: &CollectorRules) -> Truth {
        let mut truth = Truth::default();
        for (epoch, measurements) in (0..).zip(&self.epochs) {
            let mut prefixes = BTreeMap::<&[&str], u32>::new();
            for values in measurements {
                for layers in 1..=LAYERS {
                    *prefixes.entry(prefix(values, layers)).or_default() += 1;
                }
            }
            let is_open = |layers: &&[&str]| prefixes.get(layers).is_some_and(|count| *count >= K);
            let day = begins(rules, epoch).date_naive();
            for values in measurements {
                let opened = (1..=LAYERS).rev().map(|layers| prefix(values, layers));
                match opened.clone().find(is_open) {
                    Some(layers) => {
                        let layers = layers.iter().map(|value| (*value).to_owned());
                        *truth.totals.entry((day, layers.collect())).or_default() += 1;
                    }
                    None => truth.closed += 1,
                }
            }
        }
        truth
    }
}

fn prefix(values: &Values, layers: usize) -> &[&'static str] {
    values.get(..layers).unwrap_or_default()
}

fn values(seed: u64, name: &str) -> Values {
    let mut random = draw(seed, name, "values");
    POPULATION.map(|(_, values)| {
        let chosen = values.choose_weighted(&mut random, |(_, weight)| *weight);
        chosen.map_or("", |(value, _)| *value)
    })
}

/// The names of the layers.
pub(super) fn names() -> [&'static str; LAYERS] {
    POPULATION.map(|(name, _)| name)
}

/// The texts that a client has in its layers.
pub(super) fn layers(values: &Values) -> [String; LAYERS] {
    let mut layers = names().map(str::to_owned);
    for (layer, value) in layers.iter_mut().zip(values) {
        *layer = format!("{layer}|{value}");
    }
    layers
}

/// The texts of all layers of all measurements.
pub(super) fn texts() -> Vec<String> {
    let layers = POPULATION.iter();
    layers
        .flat_map(|(name, values)| {
            values
                .iter()
                .map(move |(value, _)| format!("{name}|{value}"))
        })
        .collect()
}

/// The measurement that most have.
pub(super) fn favourite() -> Values {
    POPULATION.map(|(_, values)| values.first().map_or("", |(value, _)| *value))
}

/// A whole number below `end`.
pub(super) fn below(seed: u64, name: &str, step: &str, end: i64) -> i64 {
    draw(seed, name, step).gen_range(0..end.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_population_has_measurements_of_every_fate() {
        let population = Population::new(3_000, 1);
        let rules = super::super::rules("2026-01-01T00:00:00Z".parse().unwrap());

        let truth = population.truth(&rules);

        let of = |full: bool| {
            let totals = truth.totals.iter();
            let of = totals.filter(|((_, layers), _)| (layers.len() == LAYERS) == full);
            of.map(|(_, total)| total).sum::<u64>()
        };
        assert_eq!(of(true) + of(false) + truth.closed, 3_000);
        assert!(of(true) > 300 && of(false) > 300 && truth.closed > 30);
    }

    #[test]
    fn clients_and_crowd_together_measure_everything_once() {
        let population = Population::new(1_000, 1);

        for epoch in 0..EPOCHS {
            let of_clients = (0..CLIENTS).map(|client| population.of_client(epoch, client).count());
            let all = of_clients.sum::<usize>() + population.of_crowd(epoch).len();
            assert_eq!(all, population.of_epoch(epoch).len());
        }
        assert_eq!(population.count(), 1_000);
    }
}
