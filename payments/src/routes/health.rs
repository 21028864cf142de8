//! `GET /health-check`, the path that existing clients and load balancers know.

use serde::Serialize;
use service_kit::extract::Json;
use utoipa::ToSchema;

/// Says that the service answers.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// Always `ok`.
    status: &'static str,
}

/// Whether the service answers. What it needs is checked at `/readyz`, on the admin listener.
#[utoipa::path(get, path = "/health-check",
    operation_id = "checkHealth", responses((status = 200, description = "It does.", body = Health)))]
pub(super) async fn get() -> Json<Health> {
    Json(Health { status: "ok" })
}
