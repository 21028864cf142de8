//! `GET /v1/anonymity-sets`.

use axum::extract::State;
use messages::payments::{AnonymitySet, AnonymitySetDay, AnonymitySets};
use service_kit::{Problem, extract::Json, problem::Slug};

use super::public::PublicState;
use crate::{domain::anonymity, published::Published};

/// How large a crowd each key's tokens hide in.
///
/// Counted once an hour and rounded, so that nobody can watch for a single order (threat S3).
#[utoipa::path(
    get,
    path = "/v1/anonymity-sets",
    operation_id = "getAnonymitySets",
    responses((status = 200, description = "Orders signed per key, by day and in total, each rounded down to a power of two.", body = AnonymitySets)),
)]
pub(super) async fn get(State(state): State<PublicState>) -> Result<Json<AnonymitySets>, Problem> {
    let hour = state.clock.now().timestamp().div_euclid(3600);
    let mut shown = state.anonymity_sets.lock().await;
    if let Some((of_hour, sets)) = &*shown
        && *of_hour == hour
    {
        return Ok(Json(sets.clone()));
    }
    let sets = counted(&state).await?;
    *shown = Some((hour, sets.clone()));
    Ok(Json(sets))
}

async fn counted(state: &PublicState) -> Result<AnonymitySets, Problem> {
    let counts = state
        .figures
        .orders_signed_by_day()
        .await
        .map_err(|error| {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "signed orders cannot be counted"
            );
            Problem::new(Slug::NotReady)
        })?;
    let sets = anonymity::published(counts, state.rules.rounded);
    let directory = state.directory.current();
    let keys = sets
        .into_iter()
        .filter_map(|(key, set)| shown(&directory, key, set))
        .collect();
    Ok(AnonymitySets { keys })
}

/// A key that clients do not know yet is not shown to them.
fn shown(
    directory: &Published,
    key: messages::KeyId,
    set: anonymity::AnonymitySet,
) -> Option<AnonymitySet> {
    let known = directory.keys.get(key)?;
    let day = |(day, orders)| AnonymitySetDay { day, orders };
    Some(AnonymitySet {
        key_id: key,
        funding_source: known.funding_source,
        orders_total: set.total,
        days: set.by_day.into_iter().map(day).collect(),
    })
}
