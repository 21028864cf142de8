//! Who may call, where tokens are wanted beside client certificates.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};

use crate::{AppState, Error};

/// Lets requests through that carry a token.
pub(crate) async fn check(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Result<Response, Error> {
    if state.tokens.allow(request.headers()) {
        return Ok(next.run(request).await);
    }
    Err(Error::Unauthorized)
}
