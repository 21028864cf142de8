//! Order capabilities: who may read, pay or use an order (threat T8).
//!
//! The order's id alone gives no right. Its capability is a macaroon under a key that is derived from
//! a secret and the id, so it is verified before anything is looked up: whether an order exists makes
//! no difference to the answer or to the work.

use std::{fmt, sync::LazyLock};

use chrono::{DateTime, Days, Utc};
use uuid::Uuid;

use super::{
    derivation::OrderSecret,
    macaroons::{self, Content, Malformed, RootKey, Unverified},
    sku::MERCHANT,
    terms::Terms,
};

/// What the holder of a capability wants to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum May {
    /// Name a transfer.
    Pay,
    /// See the order, its transactions, its credentials.
    Read,
    /// Submit blinded tokens.
    Sign,
}

impl May {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pay => "pay",
            Self::Read => "read",
            Self::Sign => "sign",
        }
    }
}

/// The capability does not allow this. There is one reason only, so that nobody learns more.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no capability, or not one for this")]
pub struct Refused;

/// A request for an order that brought the order's capability.
///
/// [`Capabilities::check`] is the only way to make one.
#[derive(Clone, Eq, PartialEq)]
pub struct Allowed {
    order: Uuid,
    terms: Terms,
}

impl Allowed {
    /// The order.
    pub fn order(&self) -> Uuid {
        self.order
    }

    /// What was ordered.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }
}

/// Shows nothing of the order.
impl fmt::Debug for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Allowed(..)")
    }
}

/// What is verified in place of a capability that was not sent or cannot be read, so that the work is
/// the same.
static DECOY: LazyLock<Option<Unverified>> = LazyLock::new(|| {
    let content = Content {
        location: MERCHANT.to_owned(),
        identifier: "order".to_owned(),
        caveats: vec![
            format!("order = {}", Uuid::nil()),
            "terms = 2026-01-01 BAT 10 user-wallet-vote:40:0.25".to_owned(),
        ],
    };
    let text = macaroons::mint(&content, &RootKey::new([0; 32])).ok()?;
    Unverified::decode(&text).ok()
});

/// Makes and checks capabilities.
#[derive(Clone, Debug)]
pub struct Capabilities {
    secret: OrderSecret,
    lifetime: Days,
}

impl Capabilities {
    /// Capabilities that last `lifetime_days` from the day of their order, as long as the order is kept.
    pub fn new(secret: OrderSecret, lifetime_days: u32) -> Self {
        Self {
            secret,
            lifetime: Days::new(u64::from(lifetime_days)),
        }
    }

    /// Makes the capability of an order: the same text whenever it is made.
    pub fn mint(&self, order: Uuid, terms: &Terms) -> Result<String, Malformed> {
        let content = Content {
            location: MERCHANT.to_owned(),
            identifier: "order".to_owned(),
            caveats: vec![format!("order = {order}"), format!("terms = {terms}")],
        };
        macaroons::mint(&content, &self.secret.capability_key(order))
    }

    /// Checks that `presented` allows its sender to do `action` with `order` at `now`.
    pub fn check(
        &self,
        order: Uuid,
        presented: Option<&str>,
        action: May,
        now: DateTime<Utc>,
    ) -> Result<Allowed, Refused> {
        let root = self.secret.capability_key(order);
        let read = presented.and_then(|text| Unverified::decode(text).ok());
        let Some(read) = read else {
            let decoy = DECOY.as_ref().map(|decoy| decoy.verify(&root).is_some());
            std::hint::black_box(decoy);
            return Err(Refused);
        };
        let content = read.verify(&root).ok_or(Refused)?;
        let terms = self.terms(content, order, action, now).ok_or(Refused)?;
        Ok(Allowed { order, terms })
    }

    fn terms(
        &self,
        content: &Content,
        order: Uuid,
        action: May,
        now: DateTime<Utc>,
    ) -> Option<Terms> {
        let [of, terms, narrowing @ ..] = content.caveats.as_slice() else {
            return None;
        };
        // The chain does not cover the location. A holder who alters it gets nothing by it, and is
        // refused so that a capability has one form.
        let ours = content.location == MERCHANT && *of == format!("order = {order}");
        let terms = Terms::parse(terms.strip_prefix("terms = ")?)?;
        let last_day = terms.day.checked_add_days(self.lifetime)?;
        let holds = ours
            && now.date_naive() <= last_day
            && narrowing.iter().all(|caveat| allows(caveat, action, now));
        holds.then_some(terms)
    }
}

/// Whether a caveat that the holder added allows `action` at `now`. What is not understood allows nothing.
fn allows(caveat: &str, action: May, now: DateTime<Utc>) -> bool {
    match caveat.split_once(" = ") {
        Some(("before", time)) => DateTime::parse_from_rfc3339(time).is_ok_and(|end| now < end),
        Some(("may", allowed)) => allowed == action.as_str(),
        _ => false,
    }
}

#[cfg(test)]
#[path = "capability_tests.rs"]
mod tests;
