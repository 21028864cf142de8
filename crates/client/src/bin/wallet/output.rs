//! What the user reads.
#![expect(clippy::print_stdout, reason = "this is the program's output")]

use std::collections::BTreeMap;

use client::{
    Pin,
    directory::rules::Verdict,
    wallet::{Outcome, Stage, State},
};

/// Writes a completion script.
pub(crate) fn completions(command: &mut clap::Command, shell: clap_complete::Shell) {
    clap_complete::generate(shell, command, "wallet", &mut std::io::stdout());
}

/// Writes a pin.
pub(crate) fn pin(pin: Pin) {
    println!("{pin}");
}

/// Writes what became of a purchase.
pub(crate) fn bought(place: usize) {
    println!("Purchase {place}: the tokens are in the wallet.");
}

/// Writes that the numbers protect nobody.
pub(crate) fn demo_warning() {
    println!("The demo profile shows how the system works. It hides nobody.");
}

/// Writes what the client thinks of every key.
pub(crate) fn directory(verdict: &Verdict) {
    for judged in &verdict.keys {
        let key = &judged.key;
        let thought = judged
            .refusal
            .map_or("used".to_owned(), |refusal| format!("refused: {refusal}"));
        println!(
            "{}  {:<14}  {} to {}  {thought}",
            key.key_id, key.funding_source, key.sign_from, key.sign_until
        );
    }
    if verdict.warn_of_revocations {
        println!("Keys of this installation are revoked unusually often.");
    }
}

/// Writes what a wallet holds.
pub(crate) fn status(state: &State) {
    for (place, purchase) in state.purchases.iter().enumerate() {
        let progress = match &purchase.stage {
            Stage::Holding { tokens, .. } => format!("{} tokens to vote with", tokens.len()),
            Stage::Ordering { .. } => "not ordered yet".to_owned(),
            Stage::Paying { order, .. } => format!("order {} is being paid", order.id),
            Stage::Signing { order, .. } => format!("order {} is paid", order.id),
            Stage::Spent { .. } => "on votes".to_owned(),
        };
        println!(
            "Purchase {place}: {} tokens by {}: {progress}",
            purchase.quantity, purchase.source
        );
    }
    let mut votes = BTreeMap::<String, usize>::new();
    for vote in &state.votes {
        let outcome = match &vote.outcome {
            None => "to be sent".to_owned(),
            Some(Outcome::Counted) => "counted".to_owned(),
            Some(Outcome::LeftOver) => "not sent in time".to_owned(),
            Some(Outcome::Unanswered) => "never answered".to_owned(),
            Some(Outcome::Refused { status, slug }) => {
                format!("refused: {status} {}", slug.as_deref().unwrap_or_default())
            }
        };
        *votes.entry(outcome).or_default() += vote.tokens;
    }
    for (outcome, tokens) in votes {
        println!("Tokens on votes, {outcome}: {tokens}");
    }
}
