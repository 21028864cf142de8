//! What the demo prints.
#![expect(clippy::print_stdout, reason = "this is the program's output")]

use comfy_table::{CellAlignment, Table, presets};
use messages::{FundingSource, money::Amount};

use super::{BySource, DemoArgs, Measurements, Month};

/// How many publishers the chart shows.
const CHART_ROWS: usize = 10;

/// How long its longest bar is.
const CHART_COLUMNS: u64 = 40;

/// Prints what is about to be lived through, and by which numbers.
pub(super) fn start(args: &DemoArgs) {
    println!(
        "One simulated month with {} browsers, {} publishers and {} measurements, seed {}.",
        args.browsers, args.publishers, args.measurements, args.seed
    );
    println!(
        "Browsers go by the demo profile:\n\
         {}.\n\
         The witness is the system's own tally. This shows how things work, and hides nobody.\n",
        client::Profile::demo()
    );
}

/// Prints a month.
pub(super) fn month(month: &Month) {
    println!(
        "{} keys signed, every service on its own database, all over TLS.",
        month.keys
    );
    println!(
        "Transfers of {} browsers were pending first, {} paid in two parts, browsers died {} times and\n\
         went on from their wallets, and one call to the custodian in ten failed.\n",
        month.turns.pending, month.turns.in_parts, month.turns.crashes
    );
    println!("{}\n", flow(month));
    println!("{}", chart(month));
    println!("{}\n", attacks(month));
    measurements(month);
    for difference in month.sheet.differences() {
        println!("differs: {difference}");
    }
    for difference in month.measured.sheet.differences() {
        println!("differs: {difference}");
    }
    println!("reconciled: {}", yes_or_no(month.report.reconciled));
    println!(
        "measurements exact: {}",
        yes_or_no(month.report.measurements.exact)
    );
}

fn yes_or_no(answer: bool) -> &'static str {
    if answer { "yes" } else { "no" }
}

/// What was opened of measurements, what stayed closed, and what was not counted.
fn measurements(month: &Month) {
    let Measurements {
        sent,
        opened,
        partial,
        closed,
        rejected,
        ..
    } = &month.report.measurements;
    println!(
        "{sent} measurements of 6 layers were sent, in three epochs; what 50 agree on opens, layer by layer.\n\
         Clients died {} times and went on from their files.\n",
        month.measured.crashes
    );
    let mut fates = table(&["measurements", ""]);
    for (what, count) in [
        ("opened to the last layer", opened),
        ("opened in their outer layers", partial),
        ("closed for everybody", closed),
    ] {
        fates.add_row([what.to_owned(), count.to_string()]);
    }
    for (reason, count) in rejected {
        fates.add_row([format!("not counted: {reason}"), count.to_string()]);
    }
    println!("{fates}\n");
    let mut totals: Vec<_> = month.measured.totals.iter().collect();
    totals.sort_by(|(a, x), (b, y)| y.cmp(x).then_with(|| a.cmp(b)));
    let mut top = table(&["most frequent", "total"]);
    for (layers, total) in totals.into_iter().take(CHART_ROWS) {
        top.add_row([layers.join(" · "), total.to_string()]);
    }
    println!("{top}\n");
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Paid in → tokens sold → issued → redeemed → published → counted → paid out + fees + left.
fn flow(month: &Month) -> Table {
    let mut table = table(&[
        "funding source",
        "paid in",
        "tokens sold",
        "issued",
        "redeemed",
        "published",
        "counted",
        "paid out",
        "fees",
        "left",
    ]);
    let report = &month.report;
    for source in FundingSource::ALL {
        let money = |row: &BySource<Amount>| row.get(&source).copied().unwrap_or_default();
        let count = |row: &BySource<u64>| row.get(&source).copied().unwrap_or_default();
        table.add_row([
            source.to_string(),
            money(&report.funds_received).to_string(),
            count(&report.tokens_sold).to_string(),
            count(&report.tokens_issued).to_string(),
            count(&report.tokens_redeemed).to_string(),
            count(&month.tokens_published).to_string(),
            count(&report.votes_counted).to_string(),
            money(&report.paid_out).to_string(),
            money(&report.fees).to_string(),
            money(&month.left).to_string(),
        ]);
    }
    table
}

fn chart(month: &Month) -> String {
    let top = month.publishers.iter().take(CHART_ROWS);
    let most = top.clone().map(|(_, votes)| *votes).max().unwrap_or(1);
    let rows = top.map(|(publisher, votes)| {
        let length = (votes * CHART_COLUMNS).div_ceil(most.max(1));
        let bar = "█".repeat(usize::try_from(length).unwrap_or_default());
        format!("{:<32} {bar} {votes}\n", publisher.as_str())
    });
    rows.collect()
}

fn attacks(month: &Month) -> Table {
    let mut table = table(&["attack", "tried", "refused"]);
    for row in &month.report.attacks {
        table.add_row([
            row.name.to_owned(),
            row.tried.to_string(),
            row.refused.to_string(),
        ]);
    }
    table
}
