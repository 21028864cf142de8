//! One publisher.

use axum::extract::State;
use messages::{FundingSource, money::Amount, publisher::Publisher};
use serde::Serialize;
use service_kit::extract::{Json, Path};
use utoipa::ToSchema;

use crate::{error::Error, state::AppState};

/// A publisher's votes and money.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PublisherBody {
    /// Who.
    channel: String,
    /// Votes that wait for a closing.
    pending: Vec<Pending>,
    /// What it is owed.
    balance: Amount,
}

/// Votes that wait.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Pending {
    /// Where their money came from.
    funding_source: FundingSource,
    /// What one vote is worth.
    base_vote_value: Amount,
    /// How many.
    votes: u64,
}

/// Pending votes and balance of a publisher.
#[utoipa::path(
    get,
    path = "/v1/publishers/{channel}",
    params(("channel" = String, Path, description = "the channel, percent-encoded")),
    responses((status = 200, body = PublisherBody))
)]
pub(crate) async fn get(
    State(state): State<AppState>,
    Path(channel): Path<String>,
) -> Result<Json<PublisherBody>, Error> {
    let channel = Publisher::taken(&channel).map_err(|_| Error::InvalidPath)?;
    let report = state
        .store
        .publisher(&channel)
        .await?
        .ok_or(Error::NotFound)?;
    let pending = report
        .waiting
        .into_iter()
        .map(|((funding_source, base_vote_value), votes)| Pending {
            funding_source,
            base_vote_value,
            votes,
        });
    Ok(Json(PublisherBody {
        channel: channel.to_string(),
        pending: pending.collect(),
        balance: report.balance,
    }))
}
