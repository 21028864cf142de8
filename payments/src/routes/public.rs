//! The routes that know no order: votes, and what everybody may read.

use std::{fmt, sync::Arc};

use axum::{
    Router,
    routing::{get, post},
};
use clock::Clock;
use messages::payments::AnonymitySets;
use service_kit::extract::body_limit;
use tokio::sync::Mutex;
use utoipa::OpenApi;

use super::{anonymity_sets, health, key_directory, votes};
use crate::{
    domain::vote::VoteLimits,
    published::PublishedDirectory,
    store::{figures::Figures, publications::Publications},
    votes::{Intake, VoteCounters, VoteRules},
};

/// What these routes need.
#[derive(Clone)]
pub struct PublicState {
    /// Takes votes.
    pub intake: Intake,
    /// What one vote may hold.
    pub vote_limits: VoteLimits,
    /// Counts votes.
    pub counters: VoteCounters,
    /// The key directory.
    pub directory: Arc<PublishedDirectory>,
    /// Where it is stored.
    pub publications: Arc<dyn Publications>,
    /// What orders add up to.
    pub figures: Arc<dyn Figures>,
    /// The anonymity sets as they are shown in this hour, counted in hours since 1970.
    pub anonymity_sets: Arc<Mutex<Option<(i64, AnonymitySets)>>>,
    /// The rules.
    pub rules: VoteRules,
    /// The calendar.
    pub clock: Clock,
}

/// The routes. A vote's body may have `vote_body_bytes_max` bytes.
pub fn router(state: PublicState, vote_body_bytes_max: usize) -> Router {
    Router::new()
        .route(
            "/v1/votes",
            post(votes::cast).layer(body_limit(vote_body_bytes_max)),
        )
        .route("/v1/key-directory", get(key_directory::get))
        .route("/v1/anonymity-sets", get(anonymity_sets::get))
        .route("/health-check", get(health::get))
        .with_state(state)
}

/// The description of these routes.
#[derive(Debug, OpenApi)]
#[openapi(paths(votes::cast, key_directory::get, anonymity_sets::get, health::get))]
pub struct PublicApi;

impl fmt::Debug for PublicState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicState").finish_non_exhaustive()
    }
}
