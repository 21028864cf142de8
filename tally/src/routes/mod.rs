//! The API (contracts §6).

mod directory_heads;
mod ledger;
mod months;
mod page;
mod payouts;
mod publishers;

use axum::{Router, middleware::from_fn_with_state, routing::get};
use utoipa::OpenApi;

use crate::{auth, state::AppState};

/// The description of the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "tally",
        description = "Votes counted, months closed, the ledger and its signed heads"
    ),
    paths(
        directory_heads::get,
        ledger::entries,
        ledger::head,
        months::list,
        months::get,
        payouts::get,
        publishers::get
    )
)]
pub(crate) struct ApiDoc;

/// The routes.
pub(crate) fn router(state: AppState) -> Router {
    Router::new()
        .route("/v1/months", get(months::list))
        .route("/v1/months/{month}", get(months::get))
        .route("/v1/months/{month}/payouts", get(payouts::get))
        .route("/v1/publishers/{channel}", get(publishers::get))
        .route("/v1/ledger/entries", get(ledger::entries))
        .route("/v1/ledger/head", get(ledger::head))
        .layer(from_fn_with_state(state.clone(), auth::check))
        // Below the check: browsers have no credentials.
        .route("/v1/directory-heads", get(directory_heads::get))
        .with_state(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_of_the_routes_does_not_drift() {
        insta::assert_json_snapshot!(ApiDoc::openapi());
    }
}
