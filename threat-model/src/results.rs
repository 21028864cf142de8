//! What a test run said: `cargo test` prints one line for each test.

use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
};

use anyhow::Context as _;
use serde::Serialize;

/// How a test ended.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It found what it must not find, or did not find what it must.
    Failed,
    /// There is no word of it.
    NotRun,
    /// It passed.
    Passed,
}

/// The verdicts by the test's own name, without its modules.
#[derive(Clone, Debug, Default)]
pub struct Results(BTreeMap<String, Verdict>);

impl Results {
    /// Reads what `cargo test` printed.
    pub fn of(output: &str) -> Self {
        let mut results = BTreeMap::new();
        for line in output.lines() {
            let Some((name, verdict)) = verdict_of(line) else {
                continue;
            };
            // Of two tests with one name, the worse verdict stands.
            let stored = results.entry(name.to_owned()).or_insert(verdict);
            *stored = verdict.min(*stored);
        }
        Self(results)
    }

    /// Runs the tests of this package and of `packages`, with their progress on standard error.
    pub fn run<'a>(packages: impl Iterator<Item = &'a str>) -> anyhow::Result<Self> {
        let mut cargo = Command::new("cargo");
        cargo.args(["test", "--no-fail-fast", "-p", "threat-model"]);
        for package in packages {
            cargo.args(["-p", package]);
        }
        let run = cargo.stderr(Stdio::inherit()).output();
        let output = run.context("cargo test could not be started")?;
        Ok(Self::of(&String::from_utf8_lossy(&output.stdout)))
    }

    /// How the test ended, that an item names as `name` or as `package/name`.
    pub fn verdict(&self, test: &str) -> Verdict {
        let name = test.split_once('/').map_or(test, |(_, name)| name);
        self.0.get(name).copied().unwrap_or(Verdict::NotRun)
    }
}

fn verdict_of(line: &str) -> Option<(&str, Verdict)> {
    let (path, word) = line.strip_prefix("test ")?.split_once(" ... ")?;
    let path = path.trim_end_matches(" - should panic");
    let name = path.rsplit("::").next()?;
    match word.trim() {
        "ok" => Some((name, Verdict::Passed)),
        "FAILED" => Some((name, Verdict::Failed)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_test_run_are_read() {
        let results = Results::of(
            "running 3 tests\n\
             test t7::a_replay_counts_once ... ok\n\
             test t8::guessing_is_refused ... FAILED\n\
             test t9::skipped ... ignored\n",
        );

        assert_eq!(results.verdict("a_replay_counts_once"), Verdict::Passed);
        assert_eq!(results.verdict("guessing_is_refused"), Verdict::Failed);
        assert_eq!(results.verdict("payments/skipped"), Verdict::NotRun);
    }

    #[test]
    fn of_two_tests_with_one_name_the_worse_verdict_stands() {
        let results = Results::of("test a::same ... FAILED\ntest b::same ... ok\n");

        assert_eq!(results.verdict("same"), Verdict::Failed);
    }
}
