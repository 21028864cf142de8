//! The admin listener: for the machines that run the service, and nobody else.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header};

use super::Readiness;
use crate::{shutdown::Shutdown, telemetry::MetricsPage};

/// What readiness depends on.
#[derive(Clone)]
pub(super) struct Admin {
    pub(super) readiness: Readiness,
    pub(super) shutdown: Shutdown,
    pub(super) page: Arc<MetricsPage>,
}

pub(super) fn router(admin: Admin) -> Router {
    Router::new()
        .route("/livez", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(admin)
}

/// Ready: all checks pass and nobody said to stop.
async fn ready(State(admin): State<Admin>) -> Response {
    if admin.shutdown.has_begun() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    let failing = admin.readiness.failing().await;
    if failing.is_empty() {
        return "ready\n".into_response();
    }
    let lines: Vec<_> = failing
        .into_iter()
        .map(|(name, wrong)| format!("failing: {name}: {wrong}\n"))
        .collect();
    let text = lines.concat();
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}

/// Whoever reads metrics and no readiness sees the same alarms.
async fn metrics(State(admin): State<Admin>) -> Response {
    if admin.page.is_due() {
        let _alarms_are_raised = admin.readiness.failing().await;
    }
    let kind = (header::CONTENT_TYPE, "text/plain; version=0.0.4");
    ([kind], admin.page.text()).into_response()
}
