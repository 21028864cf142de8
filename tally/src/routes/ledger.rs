//! The ledger's entries and its signed head.

use axum::extract::State;
use chrono::NaiveDate;
use messages::{encoding::Fixed, money::Amount};
use serde::Serialize;
use service_kit::extract::{Json, Query};
use utoipa::ToSchema;

use super::page::Page;
use crate::{
    domain::{Entry, LedgerHead},
    error::Error,
    state::AppState,
};

/// A page of entries.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Entries {
    /// In order.
    entries: Vec<EntryBody>,
    /// What to ask for as `after` for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

/// An entry. Its hash is over the RFC 8785 form of the other members.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EntryBody {
    /// Its place, from 0 on.
    index: u64,
    /// When it was booked.
    day: NaiveDate,
    /// Who gives.
    debit: String,
    /// Who receives.
    credit: String,
    /// How much.
    amount: Amount,
    /// What for.
    memo: String,
    /// `H("bt/ledger/1", previous hash, this entry without its hash)`.
    hash: Fixed<32>,
}

impl From<Entry> for EntryBody {
    fn from(entry: Entry) -> Self {
        Self {
            index: entry.index,
            day: entry.day,
            debit: entry.transfer.debit.to_string(),
            credit: entry.transfer.credit.to_string(),
            amount: entry.transfer.amount,
            memo: entry.transfer.memo,
            hash: entry.hash,
        }
    }
}

/// Entries of the ledger, from the first on or behind `after`.
#[utoipa::path(
    get,
    path = "/v1/ledger/entries",
    params(
        ("after" = Option<u64>, Query, description = "the index of an entry"),
        ("limit" = Option<u32>, Query, description = "how many rows")
    ),
    responses((status = 200, body = Entries))
)]
pub(crate) async fn entries(
    State(state): State<AppState>,
    Query(page): Query<Page>,
) -> Result<Json<Entries>, Error> {
    let limit = page.limit(&state)?;
    let after = page.after.as_deref().map(index).transpose()?;
    let from = after.map_or(0, |after| after + 1);
    let entries = state.store.entries(from, limit).await?;
    let is_full = u32::try_from(entries.len()).is_ok_and(|rows| rows == limit);
    let next = entries.last().filter(|_| is_full).map(|entry| entry.index);
    let entries = entries.into_iter().map(EntryBody::from).collect();
    Ok(Json(Entries { entries, next }))
}

/// The index of an entry: no database holds more of them than 2^63.
fn index(after: &str) -> Result<u64, Error> {
    let index = after.parse().ok();
    index
        .filter(|index| i64::try_from(*index).is_ok_and(|index| index < i64::MAX))
        .ok_or(Error::InvalidQuery("after"))
}

/// The last signed head. Whoever keeps it can hold the ledger to it: `tally verify --head FILE`.
#[utoipa::path(get, path = "/v1/ledger/head", responses((status = 200, body = LedgerHead)))]
pub(crate) async fn head(State(state): State<AppState>) -> Result<Json<LedgerHead>, Error> {
    state.store.head().await?.map(Json).ok_or(Error::NotFound)
}
