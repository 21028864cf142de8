//! Who holds the capability of the order in the path.

use std::marker::PhantomData;

use axum::extract::{FromRequestParts, RawPathParams};
use http::{HeaderMap, header::AUTHORIZATION, request::Parts};
use messages::uuid_text;
use service_kit::{Problem, problem::Slug};
use uuid::Uuid;

use super::orders_state::OrdersState;
use crate::domain::capability::{Allowed, May, Refused};

/// What a route does with an order.
pub(super) trait Action: Send + Sync {
    /// The action.
    const MAY: May;
}

/// Names a transfer.
pub(super) struct Pay;
/// Shows something.
pub(super) struct Read;
/// Submits blinded tokens.
pub(super) struct Sign;

impl Action for Pay {
    const MAY: May = May::Pay;
}
impl Action for Read {
    const MAY: May = May::Read;
}
impl Action for Sign {
    const MAY: May = May::Sign;
}

/// Proof that the request brought the capability of the order in the path.
///
/// It is checked before the body is read and before anything is looked up, and refused with the same
/// words whatever is wrong (threat T8).
pub(super) struct Holder<A>(pub(super) Allowed, pub(super) PhantomData<A>);

impl<A: Action> FromRequestParts<OrdersState> for Holder<A> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &OrdersState) -> Result<Self, Problem> {
        let order = path_id(parts, state, "order_id").await?;
        let presented = bearer(&parts.headers);
        let (rule, now) = (state.rules.capability, state.clock.now());
        let allowed = rule(&state.capabilities, order, presented, A::MAY, now);
        allowed
            .map(|allowed| Self(allowed, PhantomData))
            .map_err(|Refused| Slug::Unauthorized.into())
    }
}

/// The item in the path.
pub(super) struct ItemId(pub(super) Uuid);

impl FromRequestParts<OrdersState> for ItemId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &OrdersState) -> Result<Self, Problem> {
        path_id(parts, state, "item_id").await.map(Self)
    }
}

/// A UUID in the path, in the one form that we write.
async fn path_id(parts: &mut Parts, state: &OrdersState, name: &str) -> Result<Uuid, Problem> {
    let invalid = || Problem::new(Slug::InvalidPath);
    let params = RawPathParams::from_request_parts(parts, state)
        .await
        .map_err(|_| invalid())?;
    let text = params
        .iter()
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value);
    let id = text.and_then(|text| uuid_text::read(text).ok());
    id.ok_or_else(invalid)
}

/// The one bearer token of the request.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    let token = value.strip_prefix("Bearer ")?;
    values.next().is_none().then_some(token)
}
