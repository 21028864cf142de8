//! What the routes of the orders side need, and which routes there are.

use std::{fmt, sync::Arc};

use axum::{
    Router,
    routing::{get, post},
};
use chrono::NaiveTime;
use clock::Clock;
use service_kit::{crypto::Pool, extract::body_limit};
use utoipa::OpenApi;
use uuid::Uuid;

use super::{alarms::CredentialAlarms, credentials, orders, transactions};
use crate::{
    domain::{
        capability::{Allowed, Capabilities},
        derivation::OrderSecret,
        order::{Order, Waiting},
        sku::Catalogue,
    },
    error::Error,
    published::PublishedDirectory,
    rules::Rules,
    signing::Signing,
    store::orders::{PlaceLimits, Store},
    transfers::Transfers,
};

/// What these routes need. Clones share everything.
#[derive(Clone)]
pub struct OrdersState(Arc<OrdersParts>);

/// The parts.
pub struct OrdersParts {
    /// Where orders are.
    pub store: Arc<dyn Store>,
    /// What is sold.
    pub catalogue: Arc<Catalogue>,
    /// Who may do what with an order.
    pub capabilities: Capabilities,
    /// What references and item ids are derived from.
    pub secret: OrderSecret,
    /// Takes transfers.
    pub transfers: Transfers,
    /// Has tokens signed.
    pub signing: Signing,
    /// Under which keys may be sold.
    pub directory: Arc<PublishedDirectory>,
    /// Where points are checked.
    pub pool: Pool,
    /// The calendar.
    pub clock: Clock,
    /// Bounds.
    pub limits: OrderLimits,
    /// What an operator hears about the routes of credentials.
    pub alarms: CredentialAlarms,
    /// The rules.
    pub rules: Rules,
}

/// Bounds on what these routes take.
#[derive(Clone, Debug)]
pub struct OrderLimits {
    /// The quantities that are sold.
    pub quantities: Vec<u32>,
    /// The most items of one order.
    pub items_max: usize,
    /// The most blinded tokens of one request.
    pub blinded_tokens_max: usize,
    /// How long orders wait for money.
    pub waiting: Waiting,
    /// Bounds on what is stored.
    pub place: PlaceLimits,
    /// How long an idempotency key is remembered.
    pub idempotency_hours: u32,
    /// The largest body of an order or a transfer, in bytes.
    pub body_bytes_max: usize,
    /// The largest body of credentials, in bytes.
    pub credentials_body_bytes_max: usize,
}

impl OrdersState {
    /// The state made of these parts.
    pub fn new(parts: OrdersParts) -> Self {
        Self(Arc::new(parts))
    }

    /// The order that a capability is for: as it is stored, or as its terms say when nothing was paid
    /// and it was deleted meanwhile.
    pub(super) async fn order(&self, allowed: &Allowed) -> Result<Order, Error> {
        if let Some(order) = self.store.order(allowed.order()).await? {
            return Ok(order);
        }
        let made = allowed.terms().day.and_time(NaiveTime::MIN).and_utc();
        self.order_of_terms(allowed, (made, self.clock.now()))
            // Its SKU is sold no more on these terms: nothing could be signed for it.
            .ok_or(Error::NotFound)
    }

    fn order_of_terms(
        &self,
        allowed: &Allowed,
        times: (chrono::DateTime<chrono::Utc>, chrono::DateTime<chrono::Utc>),
    ) -> Option<Order> {
        let (id, terms): (Uuid, _) = (allowed.order(), allowed.terms());
        Order::of_terms(id, terms, &self.catalogue, &self.secret, times)
    }
}

impl std::ops::Deref for OrdersState {
    type Target = OrdersParts;

    fn deref(&self) -> &OrdersParts {
        &self.0
    }
}

impl fmt::Debug for OrdersState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrdersState").finish_non_exhaustive()
    }
}

impl fmt::Debug for OrdersParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrdersParts").finish_non_exhaustive()
    }
}

/// The routes.
pub fn router(state: OrdersState) -> Router {
    let small = body_limit(state.limits.body_bytes_max);
    let large = body_limit(state.limits.credentials_body_bytes_max);
    Router::new()
        .route("/v1/orders", post(orders::place).layer(small))
        .route("/v1/orders/{order_id}", get(orders::show))
        .route(
            "/v1/orders/{order_id}/transactions",
            get(transactions::list),
        )
        .route(
            "/v1/orders/{order_id}/transactions/uphold",
            post(transactions::uphold).layer(small),
        )
        .route(
            "/v1/orders/{order_id}/transactions/gemini",
            post(transactions::gemini).layer(small),
        )
        .route(
            "/v1/orders/{order_id}/transactions/anonymousCard",
            post(transactions::anonymous_card).layer(small),
        )
        .route(
            "/v1/orders/{order_id}/credentials",
            get(credentials::list).merge(post(credentials::submit).layer(large)),
        )
        .route(
            "/v1/orders/{order_id}/credentials/{item_id}",
            get(credentials::show),
        )
        .with_state(state)
}

/// The description of these routes.
#[derive(Debug, OpenApi)]
#[openapi(
    paths(
        orders::place,
        orders::show,
        transactions::list,
        transactions::uphold,
        transactions::gemini,
        transactions::anonymous_card,
        credentials::submit,
        credentials::list,
        credentials::show,
    ),
    modifiers(&Bearer)
)]
pub struct OrdersApi;

/// Describes the order capability.
struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("macaroon")
            .description(Some(
                "The order's capability, from the answer that made the order.",
            ))
            .build();
        let components = openapi.components.get_or_insert_with(Default::default);
        components.add_security_scheme("capability", SecurityScheme::Http(scheme));
    }
}
