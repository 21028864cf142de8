//! What was found, and how it is printed.

use std::{
    fmt::Write as _,
    io::{IsTerminal as _, Write as _},
};

use serde::Serialize;

/// Names are set under each other up to this width; longer ones push what is said.
const NAME_WIDTH_MAX: usize = 44;

const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";

/// One thing that was looked at.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub what: String,
    /// Whether it is as it should be.
    pub right: bool,
    /// What is right, or what is wrong and what to do.
    pub says: String,
}

/// All that was looked at, in order.
#[derive(Clone, Debug, Default)]
pub struct Report(Vec<Finding>);

impl Report {
    /// Notes what was found; an error says what to do. Answers whether it is right.
    pub fn note(&mut self, what: impl Into<String>, found: anyhow::Result<String>) -> bool {
        let right = found.is_ok();
        self.0.push(Finding {
            what: what.into(),
            right,
            says: found.unwrap_or_else(|error| format!("{error:#}")),
        });
        right
    }

    /// What was looked at.
    pub fn findings(&self) -> &[Finding] {
        &self.0
    }

    /// Prints the report. An error where something is wrong: the program then ends with 1.
    pub fn print(&self, as_json: bool) -> anyhow::Result<()> {
        let mut out = std::io::stdout();
        if as_json {
            writeln!(out, "{}", self.to_json())?;
        } else {
            let is_coloured = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
            write!(out, "{}", self.to_text(is_coloured))?;
        }
        let wrong = self.0.iter().filter(|one| !one.right).count();
        anyhow::ensure!(wrong == 0, "{wrong} of {} are wrong", self.0.len());
        Ok(())
    }

    /// One line for each finding.
    pub fn to_text(&self, is_coloured: bool) -> String {
        let names = self.0.iter().map(|one| one.what.chars().count());
        let width = names.max().unwrap_or(0).min(NAME_WIDTH_MAX);
        let mut text = String::new();
        for Finding { what, right, says } in &self.0 {
            let (colour, mark) = if *right {
                (GREEN, "right")
            } else {
                (RED, "WRONG")
            };
            let (colour, plain) = if is_coloured {
                (colour, PLAIN)
            } else {
                ("", "")
            };
            // Writing to a string cannot fail.
            let _infallible = writeln!(text, "{colour}{mark}{plain}  {what:<width$}  {says}");
        }
        text
    }

    /// The same for programs.
    pub fn to_json(&self) -> serde_json::Value {
        let right = self.0.iter().all(|one| one.right);
        serde_json::json!({ "right": right, "findings": self.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::default();
        report.note("clock", Ok("within 1 s".to_owned()));
        let cause = anyhow::anyhow!("it is gone");
        report.note("event log", Err(cause.context("start it")));
        report
    }

    #[test]
    fn lines_stand_under_each_other_and_say_the_cause() {
        assert_eq!(
            report().to_text(false),
            "right  clock      within 1 s\nWRONG  event log  start it: it is gone\n"
        );
        assert!(report().to_text(true).contains("\x1b[31mWRONG\x1b[0m"));
    }

    #[test]
    fn programs_get_the_same_and_one_wrong_thing_is_an_error() {
        let json = report().to_json();
        assert_eq!(json["right"], false);
        assert_eq!(json["findings"][1]["says"], "start it: it is gone");
        let failed = report().print(true).unwrap_err();
        assert_eq!(failed.to_string(), "1 of 2 are wrong");

        let mut right = Report::default();
        assert!(right.note("clock", Ok("within 1 s".to_owned())));
        assert_eq!(right.to_json()["right"], true);
        assert!(right.print(false).is_ok());
    }
}
