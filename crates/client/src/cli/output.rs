//! What the user reads: results on stdout, everything else on stderr.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is the program's output"
)]

use chrono::{DateTime, Utc};
use comfy_table::{Table, presets};
use serde::Serialize;
use serde_json::json;

use super::summary::Summary;
use crate::{
    Pin, Profile,
    anonymity::Readiness,
    browser::Held,
    directory::rules::Verdict,
    report::{self, Stage},
    wallet::{Purchase, State},
};

/// Writes something that is said besides the result.
pub(super) fn note(text: &str) {
    eprintln!("{text}");
}

/// Writes the numbers that the wallet goes by.
pub(super) fn profile(profile: &Profile) {
    eprintln!("By these numbers: {profile}.");
    if !profile.hides_its_user() {
        eprintln!("They show how the system works, and hide nobody.");
    }
}

/// Writes a pin.
pub(super) fn pin(pin: Pin) {
    println!("{pin}");
}

/// Writes what the client thinks of every key.
pub(super) fn directory(verdict: &Verdict, as_json: bool) {
    if verdict.warn_of_revocations {
        eprintln!("Keys of this installation are revoked unusually often.");
    }
    if as_json {
        let keys = verdict.keys.iter().map(|judged| {
            json!({
                "keyId": judged.key.key_id,
                "issuer": judged.key.issuer,
                "fundingSource": judged.key.funding_source,
                "baseVoteValue": judged.key.base_vote_value,
                "signFrom": judged.key.sign_from,
                "signUntil": judged.key.sign_until,
                "redeemUntil": judged.key.redeem_until,
                "refusal": judged.refusal.map(|refusal| refusal.to_string()),
            })
        });
        return line(&keys.collect::<Vec<_>>());
    }
    if verdict.keys.is_empty() {
        println!("The directory has no key that a witness confirms yet.");
        return;
    }
    let mut table = table(&[
        "key",
        "funding source",
        "worth",
        "signs from",
        "signs until",
        "verdict",
    ]);
    for judged in &verdict.keys {
        let key = &judged.key;
        table.add_row([
            key.key_id.to_string(),
            key.funding_source.to_string(),
            key.base_vote_value.to_string(),
            minute(key.sign_from),
            minute(key.sign_until),
            judged
                .refusal
                .map_or("used".to_owned(), |refusal| format!("refused: {refusal}")),
        ]);
    }
    println!("{table}");
}

/// Writes what a wallet holds.
pub(super) fn status(state: &State, as_json: bool) {
    let summary = Summary::of(state);
    if as_json {
        return line(&summary);
    }
    if summary.purchases.is_empty() {
        println!("The wallet is empty. `buy` is the first step.");
        return;
    }
    let mut purchases = table(&["purchase", "tokens", "funding source", "state"]);
    for row in &summary.purchases {
        let order = row.order_id.map(|id| format!(" (order {id})"));
        let state = match row.redeem_until {
            Some(end) => format!("holding its tokens, which lapse on {}", minute(end)),
            None => format!("{}{}", row.stage, order.unwrap_or_default()),
        };
        purchases.add_row([
            row.purchase.to_string(),
            row.tokens.to_string(),
            row.funding_source.to_string(),
            state,
        ]);
    }
    println!("{purchases}");
    if !summary.votes.is_empty() {
        let mut votes = table(&["outcome", "votes", "tokens"]);
        for row in &summary.votes {
            votes.add_row([
                row.outcome.clone(),
                row.votes.to_string(),
                row.tokens.to_string(),
            ]);
        }
        println!("{votes}");
    }
    if let Some(next) = summary.next_vote {
        println!("The next vote is sent at {}.", minute(next));
    }
}

/// Writes that a purchase is kept, why, and what can be done.
pub(super) fn held(held: &Held, purchase: &Purchase) {
    let (place, tokens, end) = (held.purchase, purchase.quantity, minute(held.redeem_until));
    let orders = held.orders;
    match held.readiness {
        Readiness::AskUser => eprintln!(
            "Purchase {place}: its {tokens} tokens are kept, because only {orders} orders share their key: \
             votes with them may be told to be yours. They lapse on {end}; two days before, it is too late \
             to begin. `vote --vote-anyway {place}` votes with them all the same."
        ),
        Readiness::TooLate => eprintln!(
            "Purchase {place}: it is too late to begin votes with its {tokens} tokens, which lapse on {end}."
        ),
        // Nothing that the user has to know.
        Readiness::Vote | Readiness::Wait => {}
    }
}

/// Writes a question.
pub(super) fn question(text: &str) {
    eprint!("{text} [y/N] ");
}

/// Writes what is kept of measurements, and how many came to which end.
pub(super) fn reports(state: &report::State, as_json: bool) {
    if as_json {
        let kept = state.reports.iter().map(|report| {
            let (state, time) = stage(report.stage);
            json!({
                "number": report.number,
                "channel": report.channel,
                "threshold": report.threshold,
                "epochEnd": report.epoch_end,
                "state": state,
                "next": time,
                "attempts": report.attempts,
            })
        });
        let kept: Vec<_> = kept.collect();
        return line(&json!({"made": state.made, "kept": kept, "settled": state.settled}));
    }
    if state.made == 0 {
        println!("Nothing was measured. `report measure` is the first step.");
        return;
    }
    let mut kept = table(&["measurement", "channel", "epoch until", "state"]);
    for report in &state.reports {
        let (state, time) = stage(report.stage);
        kept.add_row([
            report.number.to_string(),
            report
                .channel
                .as_deref()
                .unwrap_or("the default")
                .to_owned(),
            minute(report.epoch_end),
            format!("{state} {}", minute(time)),
        ]);
    }
    if !state.reports.is_empty() {
        println!("{kept}");
    }
    for (outcome, count) in &state.settled {
        println!("{outcome}: {count}");
    }
}

fn stage(stage: Stage) -> (&'static str, DateTime<Utc>) {
    match stage {
        Stage::Due(time) => ("sent at", time),
        Stage::Held(time) => ("kept until its epoch is over; looked at", time),
    }
}

fn line<T: Serialize + ?Sized>(value: &T) {
    let text = serde_json::to_string(value).expect("plain data becomes JSON");
    println!("{text}");
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(header);
    table
}

fn minute(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M UTC").to_string()
}
