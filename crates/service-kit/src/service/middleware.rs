//! What every request goes through before its handler, and every answer after it.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::get,
};
use bytes::Bytes;
use clock::Clock;
use futures_util::FutureExt as _;
use http::{HeaderValue, header};
use tokio::sync::Semaphore;
use tower::ServiceBuilder;

use super::HttpSettings;
use crate::{
    extract::BodyTimeout,
    limits::Limits,
    peer::Peer,
    problem::{Problem, RetryAfter, Slug},
    telemetry::SlowCounter,
};

/// What the common layers know.
struct Common {
    clock: Clock,
    limits: Limits,
    places: Semaphore,
    handler_timeout: Duration,
    body_timeout: Duration,
    requests: SlowCounter,
    failures: SlowCounter,
    refused: SlowCounter,
}

/// Puts the common layers around the routes of a service.
pub(super) fn wrap(
    api: Router,
    openapi: Bytes,
    service: &'static str,
    settings: &HttpSettings,
    clock: Clock,
    limits: &Limits,
) -> Router {
    let slow = SlowCounter::new;
    let common = Arc::new(Common {
        clock,
        places: Semaphore::new(settings.requests_in_flight_max),
        handler_timeout: Duration::from_secs(settings.handler_timeout_seconds),
        body_timeout: Duration::from_secs(settings.body_timeout_seconds),
        requests: slow(metrics::counter!("blindtally_requests_total", "service" => service)),
        failures: slow(metrics::counter!("blindtally_failures_total", "service" => service)),
        refused: slow(metrics::counter!("blindtally_refused_total", "why" => "in flight")),
        limits: limits.clone(),
    });
    let description = ([(header::CONTENT_TYPE, "application/json")], openapi);
    let api = api
        .route("/openapi.json", get(async move || description.clone()))
        .fallback(async || Problem::new(Slug::NotFound))
        .method_not_allowed_fallback(async || Problem::new(Slug::MethodNotAllowed));
    // As one layer: each has a request allocated for.
    let layers = ServiceBuilder::new()
        .layer(from_fn_with_state(common, around))
        .option_layer(limits.layer());
    api.layer(layers)
}

/// Counts the request as running, bounds it, and catches what it throws.
async fn around(State(common): State<Arc<Common>>, mut request: Request, next: Next) -> Response {
    let _busy = common.clock.busy();
    common.requests.increment();
    let mut response = match common.places.try_acquire() {
        Err(_full) => {
            common.refused.increment();
            Problem::new(Slug::Overloaded)
                .retry_after(RetryAfter::Seconds1)
                .into_response()
        }
        Ok(_place) => {
            if let Some(peer) = request.extensions().get::<Peer>() {
                let units = common.limits.units(peer, request.headers());
                request.extensions_mut().insert(units);
            }
            request
                .extensions_mut()
                .insert(BodyTimeout(common.body_timeout));
            bounded(common.handler_timeout, next.run(request)).await
        }
    };
    if response.status().is_server_error() {
        common.failures.increment();
    }
    let headers = response.headers_mut();
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// The handler's answer, unless it panics or takes too long.
async fn bounded(timeout: Duration, handler: impl Future<Output = Response>) -> Response {
    let caught = AssertUnwindSafe(handler).catch_unwind();
    match tokio::time::timeout(timeout, caught).await {
        Ok(Ok(response)) => response,
        // What was thrown may hold anything; the panic hook has said where it was.
        Ok(Err(_thrown)) => Problem::internal().into_response(),
        Err(_late) => Problem::new(Slug::TimedOut).into_response(),
    }
}
