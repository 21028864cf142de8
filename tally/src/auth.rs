//! Who may read: whoever has a bearer token, or a client certificate that the settings allow.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use service_kit::peer::Peer;

use crate::{error::Error, state::AppState};

/// Lets requests through that come with a certificate or carry a token.
pub(crate) async fn check(
    State(state): State<AppState>,
    peer: Peer,
    request: Request,
    next: Next,
) -> Result<Response, Error> {
    if peer.name().is_some() || state.tokens.allow(request.headers()) {
        return Ok(next.run(request).await);
    }
    Err(Error::Unauthorized)
}
