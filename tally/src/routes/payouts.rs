//! What publishers got in a closing, as JSON or CSV.

use std::fmt::Write as _;

use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderValue, header};
use messages::{FundingSource, money::Amount, publisher::Publisher};
use serde::Serialize;
use service_kit::extract::{Json, Path, Query};
use utoipa::ToSchema;

use super::page::Page;
use crate::{
    domain::Month,
    error::Error,
    state::AppState,
    store::{Payout, PayoutKey},
};

/// A page of payouts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Payouts {
    /// By funding source, vote value and publisher.
    payouts: Vec<PayoutBody>,
    /// What to ask for as `after` for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// What a publisher got.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PayoutBody {
    /// Where the money came from.
    funding_source: FundingSource,
    /// What one vote is worth.
    base_vote_value: Amount,
    /// Who.
    channel: String,
    /// For how many votes.
    votes: u64,
    /// How much.
    amount: Amount,
}

impl From<Payout> for PayoutBody {
    fn from(payout: Payout) -> Self {
        Self {
            funding_source: payout.line.0,
            base_vote_value: payout.line.1,
            channel: payout.channel.to_string(),
            votes: payout.votes,
            amount: payout.amount,
        }
    }
}

/// The payouts of a closed month; none while it is open.
#[utoipa::path(
    get,
    path = "/v1/months/{month}/payouts",
    params(
        ("month" = Month, Path, description = "yyyy-mm"),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<u32>, Query, description = "how many rows")
    ),
    responses(
        (status = 200, content((Payouts = "application/json"), (String = "text/csv")))
    )
)]
pub(crate) async fn get(
    State(state): State<AppState>,
    Path(month): Path<Month>,
    Query(page): Query<Page>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let limit = page.limit(&state)?;
    let after = page.after.as_deref().map(key).transpose()?;
    let payouts = state.store.payouts(month, after, limit).await?;
    let is_full = u32::try_from(payouts.len()).is_ok_and(|rows| rows == limit);
    let payouts: Vec<PayoutBody> = payouts.into_iter().map(PayoutBody::from).collect();
    let next = payouts.last().filter(|_| is_full).map(|last| {
        format!(
            "{},{},{}",
            last.funding_source, last.base_vote_value, last.channel
        )
    });
    if wants_csv(&headers) {
        return Ok(csv(&payouts, next.as_deref()));
    }
    Ok(Json(Payouts { payouts, next }).into_response())
}

/// `<source>,<value>,<channel>`, of which none holds a comma.
fn key(after: &str) -> Result<PayoutKey, Error> {
    let invalid = Error::InvalidQuery("after");
    let mut parts = after.splitn(3, ',');
    let (Some(source), Some(value), Some(channel)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(invalid);
    };
    match (source.parse(), value.parse(), Publisher::taken(channel)) {
        (Ok(source), Ok(value), Ok(channel)) => Ok((source, value, channel)),
        _ => Err(invalid),
    }
}

/// Whether the caller names CSV, and likes it no less than JSON.
fn wants_csv(headers: &HeaderMap) -> bool {
    let csv = weight(headers, "text/csv");
    csv > 0 && csv >= weight(headers, "application/json")
}

/// How much the caller likes `kind`, in thousandths; zero where it is not named. Ranges such as `*/*`
/// name nothing: who sends one gets JSON.
fn weight(headers: &HeaderMap, kind: &str) -> u16 {
    let lists = headers.get_all(header::ACCEPT).iter();
    let ranges = lists
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','));
    let weights = ranges.filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let is_named = parts.next()?.eq_ignore_ascii_case(kind);
        let q = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        is_named.then(|| q.map_or(1_000, thousandths))
    });
    weights.max().unwrap_or(0)
}

/// A weight of RFC 9110: 0 to 1 with up to three digits behind the point. Anything else counts as 0.
fn thousandths(q: &str) -> u16 {
    let (whole, rest) = q.split_once('.').unwrap_or((q, ""));
    let rest = format!("{rest:0<3}");
    match (whole, rest.len(), rest.parse::<u16>()) {
        ("1", 3, Ok(0)) => 1_000,
        ("0", 3, Ok(thousandths)) => thousandths,
        _ => 0,
    }
}

/// No cell needs quotes: the channel grammar has neither quotes nor commas, nor what a spreadsheet
/// would take for a formula.
fn csv(payouts: &[PayoutBody], next: Option<&str>) -> Response {
    let mut text = String::from("fundingSource,baseVoteValue,channel,votes,amount\r\n");
    for row in payouts {
        let _infallible = write!(
            text,
            "{},{},{},{},{}\r\n",
            row.funding_source, row.base_vote_value, row.channel, row.votes, row.amount
        );
    }
    let kind = HeaderValue::from_static("text/csv; charset=utf-8");
    let mut response = ([(header::CONTENT_TYPE, kind)], text).into_response();
    if let Some(next) = next.and_then(|next| HeaderValue::from_str(next).ok()) {
        response.headers_mut().insert("next-after", next);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_is_for_callers_who_name_it_and_like_it_no_less_than_json() {
        let csv = |accept: &'static [&'static str]| {
            let mut headers = HeaderMap::new();
            for list in accept {
                headers.append(header::ACCEPT, HeaderValue::from_static(list));
            }
            wants_csv(&headers)
        };

        for wanted in [
            &["text/csv"][..],
            &["Text/CSV; charset=utf-8"],
            &["application/json;q=0.5, text/csv"],
            &["application/json;q=0.899", "text/csv;q=0.9"],
            &["text/csv;q=0.001, */*"],
            &["text/csv, application/json"],
        ] {
            assert!(csv(wanted), "{wanted:?}");
        }
        for not_wanted in [
            &[][..],
            &["*/*"],
            &["text/*"],
            &["text/csvx"],
            &["text/csv;q=0"],
            &["text/csv; q=0.000"],
            &["application/json, text/csv;q=0.9"],
            &["text/csv;q=2"],
            &["text/csv;q=0.0001"],
            &["text/csv;q=x"],
        ] {
            assert!(!csv(not_wanted), "{not_wanted:?}");
        }
    }
}
