//! What a wallet holds, as `status` says it: no token, no capability, no publisher.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use messages::FundingSource;
use serde::Serialize;
use uuid::Uuid;

use crate::wallet::{Outcome, Purchase, Stage, State};

/// What a wallet holds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    pub(super) purchases: Vec<PurchaseRow>,
    pub(super) votes: Vec<VoteRow>,
    /// When the next vote is sent.
    pub(super) next_vote: Option<DateTime<Utc>>,
}

/// One purchase.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PurchaseRow {
    pub(super) purchase: usize,
    pub(super) tokens: u32,
    pub(super) funding_source: FundingSource,
    /// How far it got.
    pub(super) stage: &'static str,
    pub(super) order_id: Option<Uuid>,
    /// Until when its tokens are taken, while they are on no vote.
    pub(super) redeem_until: Option<DateTime<Utc>>,
}

/// The votes of one outcome.
#[derive(Debug, Serialize)]
pub(super) struct VoteRow {
    pub(super) outcome: String,
    pub(super) votes: usize,
    pub(super) tokens: usize,
}

impl Summary {
    pub(super) fn of(state: &State) -> Self {
        let mut votes = BTreeMap::<String, (usize, usize)>::new();
        for vote in &state.votes {
            let row = votes.entry(outcome(vote.outcome.as_ref())).or_default();
            *row = (row.0 + 1, row.1 + vote.tokens);
        }
        let row = |(outcome, (votes, tokens))| VoteRow {
            outcome,
            votes,
            tokens,
        };
        let open = state.votes.iter().filter(|vote| vote.outcome.is_none());
        Self {
            purchases: state.purchases.iter().enumerate().map(purchase).collect(),
            votes: votes.into_iter().map(row).collect(),
            next_vote: open.map(|vote| vote.due).min(),
        }
    }
}

fn purchase((place, purchase): (usize, &Purchase)) -> PurchaseRow {
    let (stage, order_id, redeem_until) = match &purchase.stage {
        Stage::Holding { redeem_until, .. } => ("holding", None, Some(*redeem_until)),
        Stage::Ordering { .. } => ("ordering", None, None),
        Stage::Paying { order, .. } => ("paying", Some(order.id), None),
        Stage::Signing { order, .. } => ("signing", Some(order.id), None),
        Stage::Spent { .. } => ("on votes", None, None),
    };
    PurchaseRow {
        purchase: place,
        tokens: purchase.quantity,
        funding_source: purchase.source,
        stage,
        order_id,
        redeem_until,
    }
}

fn outcome(outcome: Option<&Outcome>) -> String {
    match outcome {
        None => "waiting".to_owned(),
        Some(Outcome::Counted) => "counted".to_owned(),
        Some(Outcome::LeftOver) => "left over".to_owned(),
        Some(Outcome::Refused { status, slug }) => {
            let why = slug.as_deref().unwrap_or("no reason");
            format!("refused: {status} {why}")
        }
        Some(Outcome::Unanswered) => "unanswered".to_owned(),
    }
}
