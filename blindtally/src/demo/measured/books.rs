//! What was published, against what clients measured.

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde::Serialize;
use serde_json::Value;

use super::{
    Measured, Population,
    population::{LAYERS, Totals, Truth, names},
};
use crate::{demo::reconcile::Sheet, system::CollectorRules};

/// What became of measurements.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Measurements {
    /// Measurements that clients sent and collect took.
    pub sent: u64,
    /// Those that were reported with all their layers.
    pub opened: u64,
    /// Those that were reported with their outer layers only.
    pub partial: u64,
    /// Those that nobody could open.
    pub closed: u64,
    /// Messages that were not counted, by the reason.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Whether all of it, and the total of every measurement, is what clients did.
    pub exact: bool,
}

/// What was opened, and whether it is right.
#[derive(Clone, Debug, Default)]
pub(in crate::demo) struct Opened {
    pub(in crate::demo) report: Measurements,
    /// The totals that were published, over all epochs.
    pub(in crate::demo) totals: BTreeMap<Vec<String>, u64>,
    pub(in crate::demo) sheet: Sheet,
    pub(in crate::demo) crashes: u64,
}

/// Compares what was published, refused and left closed with what was done.
pub(in crate::demo) fn check(
    published: &[Value],
    population: &Population,
    rules: &CollectorRules,
    measured: &Measured,
) -> anyhow::Result<Opened> {
    let totals = totals(published)?;
    Ok(compare(
        &totals,
        &population.truth(rules),
        population.count(),
        measured,
    ))
}

fn compare(totals: &Totals, truth: &Truth, count: u64, measured: &Measured) -> Opened {
    let mut rejected = measured.refused.clone();
    for (reason, count) in &measured.runs.rejected {
        *rejected.entry(reason).or_default() += count;
    }
    let sum = |counts: &BTreeMap<&'static str, u64>| counts.values().sum::<u64>();
    let runs = &measured.runs;
    let counted = runs.consumed.saturating_sub(sum(&runs.rejected));
    let closed = counted.saturating_sub(runs.opened);
    let of_layers = |is_full: bool| {
        let totals = totals.iter();
        let of = totals.filter(|((_, layers), _)| (layers.len() == LAYERS) == is_full);
        of.map(|(_, total)| total).sum::<u64>()
    };

    let mut sheet = Sheet::default();
    sheet.equal("measurements sent", &measured.sent, &count);
    sheet.equal("totals of measurements", totals, &truth.totals);
    sheet.equal("measurements that stay closed", &closed, &truth.closed);
    sheet.equal("messages not counted", &rejected, &measured.planted);
    sheet.equal(
        "messages sent and read",
        &(measured.sent + sum(&measured.planted)),
        &(runs.consumed + sum(&measured.refused)),
    );

    let mut over_epochs = BTreeMap::new();
    for ((_, layers), total) in totals {
        *over_epochs.entry(layers.clone()).or_default() += total;
    }
    Opened {
        report: Measurements {
            sent: measured.sent,
            opened: of_layers(true),
            partial: of_layers(false),
            closed,
            rejected,
            exact: sheet.agrees(),
        },
        totals: over_epochs,
        sheet,
        crashes: measured.crashes,
    }
}

/// The records of the output topic, added up.
fn totals(published: &[Value]) -> anyhow::Result<Totals> {
    let mut totals = Totals::new();
    for record in published {
        let member = |name: &str| record.get(name).and_then(Value::as_str);
        let day = member("wos").context("a record has the day of its epoch")?;
        let layers = names().into_iter().map_while(member);
        let layers = layers.map(str::to_owned).collect();
        let total = record.get("total").and_then(Value::as_u64);
        let total = total.context("a record has a total")?;
        *totals.entry((day.parse()?, layers)).or_default() += total;
    }
    Ok(totals)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// 70 of one measurement, of which 60 agree to the last layer; 20 of another one; a forged message and a repeated one.
    fn month() -> (Totals, Truth, Measured) {
        let day = "2025-12-29".parse().unwrap();
        let texts = |layers: usize| vec!["a".to_owned(); layers];
        let totals = Totals::from([((day, texts(LAYERS)), 60), ((day, texts(2)), 10)]);
        let truth = Truth {
            totals: totals.clone(),
            closed: 20,
        };
        let mut measured = Measured {
            sent: 90,
            ..Measured::default()
        };
        measured.planted = BTreeMap::from([("duplicate", 1), ("forged", 1), ("threshold", 3)]);
        measured.refused.insert("threshold", 3);
        measured.runs.consumed = 92;
        measured.runs.opened = 70;
        measured.runs.rejected = BTreeMap::from([("duplicate", 1), ("forged", 1)]);
        (totals, truth, measured)
    }

    #[test]
    fn a_month_that_agrees_is_exact() {
        let (totals, truth, measured) = month();

        let opened = compare(&totals, &truth, 90, &measured);

        assert_eq!(opened.sheet.differences().collect::<Vec<_>>(), [""; 0]);
        let Measurements {
            sent,
            opened,
            partial,
            closed,
            exact,
            ..
        } = opened.report;
        assert_eq!(
            (sent, opened, partial, closed, exact),
            (90, 60, 10, 20, true)
        );
    }

    #[test]
    fn one_message_anywhere_is_a_difference() {
        let changes: [fn(&mut Measured) -> &mut u64; 6] = [
            |measured| &mut measured.sent,
            |measured| &mut measured.runs.consumed,
            |measured| &mut measured.runs.opened,
            |measured| measured.runs.rejected.get_mut("forged").unwrap(),
            |measured| measured.refused.get_mut("threshold").unwrap(),
            |measured| measured.planted.get_mut("forged").unwrap(),
        ];
        for change in changes {
            let (totals, truth, mut measured) = month();
            *change(&mut measured) += 1;
            assert!(!compare(&totals, &truth, 90, &measured).report.exact);
        }
        let (mut totals, truth, measured) = month();
        *totals.values_mut().next().unwrap() -= 1;
        assert!(!compare(&totals, &truth, 90, &measured).report.exact);
    }

    #[test]
    fn records_of_one_measurement_and_epoch_are_added_up() {
        let record =
            |total, day| json!({"metric": "Uptime", "answer": "0", "total": total, "wos": day});
        let records = [
            record(50, "2025-12-29"),
            record(7, "2025-12-29"),
            record(50, "2026-01-05"),
        ];

        let totals = totals(&records).unwrap();

        let layers = vec!["Uptime".to_owned(), "0".to_owned()];
        let of = |day: &str| totals[&(day.parse().unwrap(), layers.clone())];
        assert_eq!((of("2025-12-29"), of("2026-01-05")), (57, 50));
        assert!(super::totals(&[json!({"metric": "Uptime", "total": 1})]).is_err());
    }
}
