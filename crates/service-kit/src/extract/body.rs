//! Reading a body, within a bound and a time.

use std::time::Duration;

use axum::{Extension, body::Body};
use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::{
    peer::Caller,
    problem::{Problem, Slug},
};

/// What a route takes that sets no bound of its own: room for an order, and not for much more.
pub const BODY_BYTES_DEFAULT: usize = 16 * 1024;

/// How large a body may be. Set per route with [`body_limit`].
#[derive(Clone, Copy, Debug)]
pub struct BodyBytesMax(pub usize);

/// How long a body may take to arrive where no service says.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

/// A layer for the routes whose bodies may have `bytes_max` bytes.
pub fn body_limit(bytes_max: usize) -> Extension<BodyBytesMax> {
    Extension(BodyBytesMax(bytes_max))
}

/// Reads the body within its route's bound.
pub(super) async fn read(request: Request<Body>) -> Result<Bytes, Problem> {
    let bytes_max = request
        .extensions()
        .get::<BodyBytesMax>()
        .map_or(BODY_BYTES_DEFAULT, |max| max.0);
    read_within(bytes_max, request).await
}

/// Reads the body, unless it says or turns out to have more than `bytes_max` bytes, or takes too long.
pub async fn read_within(bytes_max: usize, request: Request<Body>) -> Result<Bytes, Problem> {
    let timeout = request
        .extensions()
        .get::<Caller>()
        .map_or(TIMEOUT_DEFAULT, |caller| caller.body_timeout);
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<usize>().ok());
    if announced.is_some_and(|length| length > bytes_max) {
        return Err(Slug::BodyTooLarge.into());
    }

    let body = Limited::new(request.into_body(), bytes_max);
    match tokio::time::timeout(timeout, body.collect()).await {
        Err(_late) => Err(Slug::TimedOut.into()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Slug::BodyTooLarge.into()),
        Ok(Err(_cut)) => Err(Problem::new(Slug::InvalidBody).detail("The body ended early.")),
        Ok(Ok(body)) => Ok(body.to_bytes()),
    }
}
