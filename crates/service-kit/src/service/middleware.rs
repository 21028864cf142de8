//! What every request goes through before its handler, and every answer after it.

use std::{convert::Infallible, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::Request,
    response::{IntoResponse as _, Response},
    routing::get,
};
use bytes::Bytes;
use clock::Clock;
use futures_util::FutureExt as _;
use http::{HeaderValue, header};
use tokio::sync::Semaphore;
use tower::{Service, ServiceExt as _};
use tower_http::normalize_path::NormalizePath;

use super::HttpSettings;
use crate::{
    limits::{Limits, RateLimited},
    peer::{Caller, Peer},
    problem::{Problem, RetryAfter, Slug},
    telemetry::SlowCounter,
};

/// What a listener's connections ask.
pub(super) trait Answer: Clone + Send + Sync + 'static {
    /// The answer to a request of `peer`.
    fn answer(&self, peer: &Peer, request: Request) -> impl Future<Output = Response> + Send;
}

/// Routes with nothing around them.
impl Answer for Router {
    async fn answer(&self, _peer: &Peer, request: Request) -> Response {
        route(self.clone(), request).await
    }
}

/// The answer of the routes to a path, with or without a slash at its end.
async fn route<S>(routes: S, request: Request) -> Response
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    let path = request.uri().path();
    // Only then: the layer allocates a new path also for one that is a slash and nothing else.
    let Ok(response) = if path.len() > 1 && (path.ends_with('/') || path.starts_with("//")) {
        let routes = NormalizePath::trim_trailing_slash(routes);
        routes.oneshot(request).await
    } else {
        routes.oneshot(request).await
    };
    response
}

/// The routes of a service, and the common rules around them. They are no layer of the router, which would box each request once
/// more.
#[derive(Clone)]
pub(super) struct Guarded {
    common: Arc<Common>,
    routes: RateLimited<Router>,
}

/// What the common rules know.
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

/// Puts the common rules around the routes of a service.
pub(super) fn guard(
    api: Router,
    openapi: Bytes,
    service: &'static str,
    settings: &HttpSettings,
    clock: Clock,
    limits: &Limits,
) -> Guarded {
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
    let routes = api
        .route("/openapi.json", get(async move || description.clone()))
        .fallback(async || Problem::new(Slug::NotFound))
        .method_not_allowed_fallback(async || Problem::new(Slug::MethodNotAllowed));
    Guarded {
        common,
        routes: limits.around(routes),
    }
}

impl Answer for Guarded {
    /// Counts the request as running, bounds it, and catches what it throws.
    async fn answer(&self, peer: &Peer, mut request: Request) -> Response {
        let common = &self.common;
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
                let units = common.limits.units(peer, request.headers());
                request.extensions_mut().insert(Caller {
                    peer: peer.clone(),
                    units,
                    body_timeout: common.body_timeout,
                });
                let answered = route(self.routes.clone(), request);
                bounded(common.handler_timeout, answered).await
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
