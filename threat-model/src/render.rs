//! The report as text, JSON and HTML.

use std::fmt::Write as _;

use comfy_table::{Cell, ContentArrangement, Table, presets};

use crate::{
    report::{Report, Row, Run, Standing},
    results::Verdict,
};

/// Every standing, in the order of the summary.
const STANDINGS: [Standing; 8] = [
    Standing::Held,
    Standing::HeldInPart,
    Standing::NeedsEngines,
    Standing::Open,
    Standing::Stated,
    Standing::Broken,
    Standing::NotRun,
    Standing::Missing,
];

/// How wide the table is, also where there is no terminal to ask.
const COLUMNS: u16 = 160;

/// A table for a terminal, and a line that sums it up.
pub fn text(report: &Report) -> String {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(COLUMNS);
    table.set_header(["", "item", "tests and controls", "stands"]);
    for row in &report.rows {
        let mut tests = String::new();
        for (sort, run) in runs(row) {
            _ = writeln!(tests, "{} {sort} {}", mark(run.verdict), run.test);
        }
        if let Some(pending) = &row.pending {
            _ = writeln!(tests, "○ open: {pending}");
        }
        table.add_row([
            Cell::new(&row.id),
            Cell::new(&row.title),
            Cell::new(tests.trim_end()),
            Cell::new(row.standing.label()),
        ]);
    }
    format!("{table}\n{}", summary(report))
}

/// The report for programs.
pub fn json(report: &Report) -> serde_json::Result<String> {
    serde_json::to_string_pretty(report)
}

/// A page that stands on its own.
pub fn html(report: &Report) -> String {
    let mut page = String::from(HEAD);
    for row in &report.rows {
        let mut tests = String::new();
        for (sort, run) in runs(row) {
            let test = escaped(&run.test);
            _ = write!(
                tests,
                "<li>{} {sort} <code>{test}</code></li>",
                mark(run.verdict)
            );
        }
        if let Some(pending) = &row.pending {
            _ = write!(tests, "<li>○ open: {}</li>", escaped(pending));
        }
        let class = if row.standing.is_in_order() {
            ""
        } else {
            " class=\"bad\""
        };
        _ = writeln!(
            page,
            "<tr{class}><th id=\"{id}\">{id}</th><td><b>{title}</b><p>{claim}</p></td><td><ul>{tests}</ul></td><td>{standing}</td></tr>",
            id = escaped(&row.id),
            title = escaped(&row.title),
            claim = escaped(&row.claim),
            standing = row.standing.label(),
        );
    }
    _ = writeln!(page, "</table>\n<p>{}</p>", summary(report));
    page
}

const HEAD: &str = "<!doctype html>
<html lang=\"en\"><meta charset=\"utf-8\"><title>Blindtally: threat model</title>
<style>
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em; }
table { border-collapse: collapse; } td, th { border-top: 1px solid #bbb; padding: .5em; text-align: left; vertical-align: top; }
ul { list-style: none; margin: 0; padding: 0; } .bad { background: #fdd; }
</style>
<h1>Threat model</h1>
<table><tr><th></th><th>item and claim</th><th>tests and controls</th><th>stands</th></tr>
";

fn runs(row: &Row) -> impl Iterator<Item = (&'static str, &Run)> {
    let tests = row.tests.iter().map(|run| ("test", run));
    tests.chain(row.controls.iter().map(|run| ("control", run)))
}

fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Failed => "✗",
        Verdict::NotRun => "?",
        Verdict::Passed => "✓",
    }
}

fn summary(report: &Report) -> String {
    let counts = STANDINGS.into_iter().filter_map(|standing| {
        let count = report.count(standing);
        (count > 0).then(|| format!("{count} {}", standing.label()))
    });
    let counts: Vec<String> = counts.collect();
    format!("{} items: {}", report.rows.len(), counts.join(", "))
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{register::Kind, results::Verdict};

    fn report() -> Report {
        Report {
            rows: vec![Row {
                id: "T0".to_owned(),
                kind: Kind::Threat,
                title: "a <title>".to_owned(),
                claim: "a claim".to_owned(),
                tests: vec![Run {
                    test: "a_test".to_owned(),
                    verdict: Verdict::Failed,
                }],
                controls: Vec::new(),
                pending: Some("a clause".to_owned()),
                standing: Standing::Broken,
            }],
        }
    }

    #[test]
    fn the_text_names_item_test_and_standing() {
        let text = text(&report());

        for part in ["T0", "✗ test a_test", "open: a clause", "1 items: 1 BROKEN"] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
    }

    #[test]
    fn the_page_escapes_what_it_shows() {
        let page = html(&report());

        assert!(page.contains("a &lt;title&gt;"));
        assert!(page.contains("class=\"bad\""));
    }

    #[test]
    fn programs_get_the_same_words() {
        let json: serde_json::Value = serde_json::from_str(&json(&report()).unwrap()).unwrap();

        assert_eq!(json.pointer("/rows/0/standing").unwrap(), "broken");
        assert_eq!(json.pointer("/rows/0/tests/0/verdict").unwrap(), "failed");
    }
}
