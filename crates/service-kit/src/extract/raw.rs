//! Bodies that are no JSON.

use axum::{body::Body, extract::FromRequest};
use bytes::Bytes;
use http::Request;

use super::body;
use crate::problem::Problem;

/// A body as it came, within the route's bound. What it says, and of which type it calls itself, is the handler's matter.
#[derive(Clone)]
pub struct Raw(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, _state: &S) -> Result<Self, Problem> {
        body::read(request).await.map(Self)
    }
}

/// Shows its size only: it came from a client.
impl std::fmt::Debug for Raw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Raw").field("bytes", &self.0.len()).finish()
    }
}
