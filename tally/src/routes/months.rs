//! Months: what was counted, and what became of it.

use axum::extract::State;
use chrono::NaiveDate;
use messages::{FundingSource, money::Amount};
use serde::Serialize;
use service_kit::extract::{Json, Path};
use utoipa::ToSchema;

use crate::{
    domain::Month,
    error::Error,
    state::AppState,
    store::{LineReport, MonthReport},
};

/// Every month.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Months {
    /// In order.
    months: Vec<MonthBody>,
}

/// Where a month is in its life.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MonthState {
    /// It is split.
    Closed,
    /// It is over, and not split yet.
    Closing,
    /// It is not over.
    Open,
}

/// A month.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MonthBody {
    /// Which one.
    month: Month,
    /// Where it is in its life.
    state: MonthState,
    /// When it was closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_on: Option<NaiveDate>,
    /// Per funding source and vote value.
    totals: Vec<Totals>,
}

/// Votes and money of one funding source and vote value.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Totals {
    /// Where the money came from.
    funding_source: FundingSource,
    /// What one vote is worth.
    base_vote_value: Amount,
    /// Votes that count in this month.
    votes: u64,
    /// Those of them that were not split yet.
    votes_waiting: u64,
    /// What the closing did.
    #[serde(skip_serializing_if = "Option::is_none")]
    closing: Option<ClosingBody>,
}

/// What a closing did.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClosingBody {
    /// Votes that were split, also of earlier months.
    votes: u64,
    /// What they were worth: what was paid out, and the fee.
    amount: Amount,
    /// What publishers were credited with.
    paid_out: Amount,
    /// The operator's part.
    fee: Amount,
    /// Value of tokens of ended keys that were never redeemed.
    expired: Amount,
    /// Votes that did not fit and stayed waiting.
    left_waiting: u64,
}

impl MonthBody {
    fn of(report: MonthReport, today: NaiveDate) -> Self {
        let state = match report.closed_on {
            Some(_) => MonthState::Closed,
            None if today > report.month.last_day() => MonthState::Closing,
            None => MonthState::Open,
        };
        Self {
            month: report.month,
            state,
            closed_on: report.closed_on,
            totals: report.lines.into_iter().map(Totals::from).collect(),
        }
    }
}

impl From<LineReport> for Totals {
    fn from(report: LineReport) -> Self {
        Self {
            funding_source: report.line.0,
            base_vote_value: report.line.1,
            votes: report.votes,
            votes_waiting: report.waiting,
            closing: report.closing.map(|closing| ClosingBody {
                votes: closing.votes,
                amount: closing.amount,
                paid_out: closing.amount.checked_sub(closing.fee).unwrap_or_default(),
                fee: closing.fee,
                expired: closing.expired,
                left_waiting: closing.left_waiting,
            }),
        }
    }
}

/// Every month with votes or a closing.
#[utoipa::path(get, path = "/v1/months", responses((status = 200, body = Months)))]
pub(crate) async fn list(State(state): State<AppState>) -> Result<Json<Months>, Error> {
    let today = state.clock.today();
    let months = state.store.months().await?;
    let months = months
        .into_iter()
        .map(|report| MonthBody::of(report, today))
        .collect();
    Ok(Json(Months { months }))
}

/// One month.
#[utoipa::path(
    get,
    path = "/v1/months/{month}",
    params(("month" = Month, Path, description = "yyyy-mm")),
    responses((status = 200, body = MonthBody))
)]
pub(crate) async fn get(
    State(state): State<AppState>,
    Path(month): Path<Month>,
) -> Result<Json<MonthBody>, Error> {
    let today = state.clock.today();
    let months = state.store.months().await?;
    let found = months.into_iter().find(|report| report.month == month);
    found
        .map(|report| Json(MonthBody::of(report, today)))
        .ok_or(Error::NotFound)
}
