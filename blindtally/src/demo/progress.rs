//! Progress bars, on stderr, where it is a terminal.

use chrono::{DateTime, TimeDelta, Utc};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The bars of a demo. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    calendar: ProgressBar,
    orders: ProgressBar,
    votes: ProgressBar,
}

impl Progress {
    /// Bars for so many days and orders. How many votes there will be is known when they are made.
    pub(super) fn new(days: u64, orders: u64) -> Self {
        // indicatif hides its bars where the target is no terminal.
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let style = |unit: &str| {
            let template = format!("{{prefix:>8}} {{bar:40}} {{pos}}/{{len}} {unit} {{msg}}");
            ProgressStyle::with_template(&template).expect("the template is sound")
        };
        let bar = |name: &'static str, length, unit| {
            let bar = bars.add(ProgressBar::new(length));
            bar.set_style(style(unit));
            bar.with_prefix(name)
        };
        let counter = ProgressStyle::with_template("{prefix:>8} {pos} sent, {msg} tokens bought")
            .expect("the template is sound");
        let votes = bars.add(ProgressBar::no_length()).with_prefix("votes");
        votes.set_style(counter);
        Self {
            calendar: bar("calendar", days, "days"),
            orders: bar("orders", orders, "paid"),
            votes,
        }
    }

    /// A day is over.
    pub(super) fn day(&self, now: DateTime<Utc>) {
        self.calendar.inc(1);
        let today = now - TimeDelta::seconds(1);
        self.calendar
            .set_message(today.format("%-d %B %Y").to_string());
    }

    /// A browser has its tokens.
    pub(super) fn bought(&self, tokens: u32) {
        self.orders.inc(1);
        let so_far: u64 = self.votes.message().parse().unwrap_or(0);
        self.votes
            .set_message((so_far + u64::from(tokens)).to_string());
    }

    /// A vote was answered.
    pub(super) fn voted(&self) {
        self.votes.inc(1);
    }

    /// Takes the bars away.
    pub(super) fn finish(&self) {
        for bar in [&self.calendar, &self.orders, &self.votes] {
            bar.finish_and_clear();
        }
    }
}
