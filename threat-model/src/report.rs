//! What became of each item.

use serde::Serialize;

use crate::{
    register::{Item, Kind, Register},
    results::{Results, Verdict},
};

/// The matrix: every item with its tests and their verdicts.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// One row for each item.
    pub rows: Vec<Row>,
}

/// An item with its verdicts.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// Such as `T7`.
    pub id: String,
    /// What sort of item it is.
    pub kind: Kind,
    /// What it is about.
    pub title: String,
    /// What is claimed.
    pub claim: String,
    /// The tests that attack it.
    pub tests: Vec<Run>,
    /// The controls.
    pub controls: Vec<Run>,
    /// What cannot be tested yet.
    pub pending: Option<String>,
    /// What that makes of the item.
    pub standing: Standing,
}

/// A test with its verdict.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// Its name.
    pub test: String,
    /// How it ended.
    pub verdict: Verdict,
}

/// What is known of an item.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// A test or a control failed.
    Broken,
    /// Every test and every control passed.
    Held,
    /// The same, and a clause of the item is pending.
    HeldInPart,
    /// There is neither a test nor a word about why not.
    Missing,
    /// None of its tests was run, since there were no engines for them.
    NeedsEngines,
    /// A test or a control was not run.
    NotRun,
    /// Nothing of it can be tested yet.
    Open,
    /// Out of scope: stated.
    Stated,
}

impl Standing {
    /// Whether the report may pass with it.
    pub fn is_in_order(self) -> bool {
        match self {
            Self::Broken | Self::Missing | Self::NotRun => false,
            Self::Held | Self::HeldInPart | Self::NeedsEngines | Self::Open | Self::Stated => true,
        }
    }

    /// In words.
    pub fn label(self) -> &'static str {
        match self {
            Self::Broken => "BROKEN",
            Self::Held => "held",
            Self::HeldInPart => "held, a clause open",
            Self::Missing => "MISSING",
            Self::NeedsEngines => "needs engines",
            Self::NotRun => "NOT RUN",
            Self::Open => "open",
            Self::Stated => "stated",
        }
    }
}

impl Report {
    /// Puts items and verdicts together. Without `engines`, what needs them may be missing.
    pub fn new(register: &Register, results: &Results, engines: bool) -> Self {
        let rows = register.item.iter();
        let rows = rows.map(|item| row(item, results, engines));
        Self {
            rows: rows.collect(),
        }
    }

    /// Whether no item is broken, missing or not run.
    pub fn is_in_order(&self) -> bool {
        self.rows.iter().all(|row| row.standing.is_in_order())
    }

    /// How many items stand like that.
    pub fn count(&self, standing: Standing) -> usize {
        let alike = self.rows.iter().filter(|row| row.standing == standing);
        alike.count()
    }
}

fn row(item: &Item, results: &Results, engines: bool) -> Row {
    let runs = |tests: &[String]| -> Vec<Run> {
        let run = |test: &String| Run {
            test: test.clone(),
            verdict: results.verdict(test),
        };
        tests.iter().map(run).collect()
    };
    Row {
        id: item.id.clone(),
        kind: item.kind,
        title: item.title.clone(),
        claim: item.claim.trim().to_owned(),
        tests: runs(&item.tests),
        controls: runs(&item.controls),
        pending: item.pending.clone(),
        standing: standing(item, results, engines),
    }
}

fn standing(item: &Item, results: &Results, engines: bool) -> Standing {
    if item.kind == Kind::OutOfScope {
        return Standing::Stated;
    }
    let worst = item.named().map(|test| results.verdict(test)).min();
    let mut verdicts = item.named().map(|test| results.verdict(test));
    if item.engines && !engines && verdicts.all(|verdict| verdict == Verdict::NotRun) {
        return Standing::NeedsEngines;
    }
    match (worst, item.pending.is_some()) {
        (None, false) => Standing::Missing,
        (None, true) => Standing::Open,
        (Some(Verdict::Failed), _) => Standing::Broken,
        (Some(Verdict::NotRun), _) => Standing::NotRun,
        (Some(Verdict::Passed), false) => Standing::Held,
        (Some(Verdict::Passed), true) => Standing::HeldInPart,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(tests: &[&str], pending: Option<&str>) -> Item {
        Item {
            id: "T0".to_owned(),
            kind: Kind::Threat,
            title: "a title".to_owned(),
            claim: "a claim".to_owned(),
            tests: tests.iter().map(|test| (*test).to_owned()).collect(),
            controls: Vec::new(),
            pending: pending.map(str::to_owned),
            engines: false,
        }
    }

    #[test]
    fn what_needs_engines_is_not_run_where_there_are_some() {
        let item = Item {
            engines: true,
            ..item(&["a", "b"], None)
        };
        let standing = |said, engines| standing(&item, &Results::of(said), engines);

        assert_eq!(standing("", false), Standing::NeedsEngines);
        assert_eq!(standing("", true), Standing::NotRun);
        assert_eq!(standing("test a ... ok\n", false), Standing::NotRun);
        assert_eq!(standing("test a ... FAILED\n", false), Standing::Broken);
        assert_eq!(
            standing("test a ... ok\ntest b ... ok\n", true),
            Standing::Held
        );
    }

    #[test]
    fn an_item_stands_as_its_worst_test_does() {
        let results = Results::of("test a ... ok\ntest b ... FAILED\n");
        let standing = |tests: &[&str], pending| standing(&item(tests, pending), &results, true);

        assert_eq!(standing(&["a"], None), Standing::Held);
        assert_eq!(standing(&["a"], Some("a clause")), Standing::HeldInPart);
        assert_eq!(standing(&["a", "b"], Some("a clause")), Standing::Broken);
        assert_eq!(standing(&["a", "c"], None), Standing::NotRun);
        assert_eq!(standing(&[], Some("all of it")), Standing::Open);
        assert_eq!(standing(&[], None), Standing::Missing);
    }

    #[test]
    fn an_item_with_neither_test_nor_reason_fails_the_report() {
        let register = |pending| Register {
            item: vec![item(&[], pending)],
        };

        let report = |pending| Report::new(&register(pending), &Results::default(), true);

        assert!(!report(None).is_in_order());
        assert!(report(Some("later")).is_in_order());
    }
}
