//! Orders: what a request asks for, what it costs, and how an order is made or made again.

use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use messages::{FundingSource, digest::H, money::Amount, payments::OrderRequest};
use uuid::Uuid;

pub use messages::payments::OrderStatus;

use super::{
    derivation::OrderSecret,
    sku::{Catalogue, MERCHANT, Sku},
    terms::{LINES_MAX, Line, Terms},
};

/// An order as it is stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Order {
    /// Its id.
    pub id: Uuid,
    /// When it was first made, cut to the hour.
    pub created_at: DateTime<Utc>,
    /// When it last changed, cut to the hour.
    pub updated_at: DateTime<Utc>,
    /// From when its times of retention count, cut to the hour.
    pub kept_from: DateTime<Utc>,
    /// The currency of all its amounts.
    pub currency: String,
    /// What has to be paid.
    pub total: Amount,
    /// Whose money pays it.
    pub funding_source: FundingSource,
    /// Where it stands.
    pub status: OrderStatus,
    /// How many transfer references were used.
    pub references_used: u32,
    /// Whether a transfer was ever recorded for it.
    pub has_transfers: bool,
    /// What was ordered.
    pub items: Vec<Item>,
}

/// One item of an order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Item {
    /// Its id.
    pub id: Uuid,
    /// The SKU's name.
    pub sku: String,
    /// How many tokens.
    pub quantity: u32,
    /// The price of one.
    pub price: Amount,
    /// What all of them cost.
    pub subtotal: Amount,
    /// Where the SKU is sold.
    pub location: String,
    /// What the SKU says of itself.
    pub description: String,
}

/// Bounds on what may be ordered.
#[derive(Clone, Copy, Debug)]
pub struct Limits<'a> {
    /// The quantities that are sold: a common size hides a buyer (threat T17).
    pub quantities: &'a [u32],
    /// The most items of one order.
    pub items_max: usize,
    /// Whether a quantity is one that is sold.
    pub quantity: fn(i64, &[u32]) -> Option<u32>,
}

/// Why an order is not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The sum cannot be represented, or is nothing.
    #[error("the order costs nothing, or more than can be counted")]
    Amount,
    /// There is no item, or there are too many.
    #[error("an order has at least one item and not too many")]
    Items,
    /// Items of different currencies or funding sources.
    #[error("the items have different currencies or funding sources")]
    Mixed,
    /// The quantity of this item is not one that is sold.
    #[error("the quantity of item {0} is not sold")]
    Quantity(usize),
    /// The SKU token of this item is not one of ours.
    #[error("the SKU token of item {0} is not one that is sold here")]
    Sku(usize),
}

/// Whether `quantity` is one of those that are sold (threat T10).
pub fn sold_quantity(quantity: i64, sold: &[u32]) -> Option<u32> {
    let quantity = u32::try_from(quantity).ok()?;
    (quantity > 0 && sold.contains(&quantity)).then_some(quantity)
}

/// What an order of these items comes to, if it is one that can be placed at `now`.
pub fn price(
    request: &OrderRequest,
    catalogue: &Catalogue,
    limits: Limits<'_>,
    now: DateTime<Utc>,
) -> Result<Terms, Refusal> {
    if !(1..=limits.items_max.min(LINES_MAX)).contains(&request.items.len()) {
        return Err(Refusal::Items);
    }
    let mut lines = Vec::with_capacity(request.items.len());
    let mut first: Option<&Sku> = None;
    for (index, item) in request.items.iter().enumerate() {
        let sku = catalogue
            .accept(&item.sku)
            .map_err(|_| Refusal::Sku(index))?;
        let quantity =
            (limits.quantity)(item.quantity, limits.quantities).ok_or(Refusal::Quantity(index))?;
        let first = *first.get_or_insert(sku);
        if first.currency != sku.currency || first.funding_source != sku.funding_source {
            return Err(Refusal::Mixed);
        }
        lines.push(Line {
            sku: sku.name.clone(),
            quantity,
            price: sku.price,
        });
    }
    let mut terms = Terms {
        day: now.date_naive(),
        currency: first.ok_or(Refusal::Items)?.currency.clone(),
        total: Amount::ZERO,
        lines,
    };
    terms.total = terms
        .sum()
        .filter(|sum| !sum.is_zero())
        .ok_or(Refusal::Amount)?;
    Ok(terms)
}

/// What is remembered of an `Idempotency-Key`: nobody who guesses a key learns of an order without
/// knowing its body too (threat T16).
pub fn idempotency_hash(key: &Uuid, body: &[u8]) -> [u8; 32] {
    H::new("bt/idempotency/1")
        .part(key.as_bytes())
        .part(body)
        .finish()
}

/// Cuts a time to the hour: nothing finer is kept of an order (threat S1).
pub fn hour(time: DateTime<Utc>) -> DateTime<Utc> {
    time.duration_trunc(TimeDelta::hours(1)).unwrap_or(time)
}

impl Order {
    /// The order of `terms`, made at `created_at` and kept from `now` on.
    ///
    /// `None` when a SKU of the terms is not sold any more for that price: nothing can be signed then.
    pub fn of_terms(
        id: Uuid,
        terms: &Terms,
        catalogue: &Catalogue,
        secret: &OrderSecret,
        (created_at, now): (DateTime<Utc>, DateTime<Utc>),
    ) -> Option<Self> {
        let mut items = Vec::with_capacity(terms.lines.len());
        let mut funding_source = None;
        for (index, line) in terms.lines.iter().enumerate() {
            let sku = catalogue.by_name(&line.sku)?;
            if sku.price != line.price || sku.currency != terms.currency {
                return None;
            }
            funding_source = Some(sku.funding_source);
            items.push(Item {
                id: secret.item_id(id, index),
                sku: line.sku.clone(),
                quantity: line.quantity,
                price: line.price,
                subtotal: line.subtotal()?,
                location: MERCHANT.to_owned(),
                description: sku.description.clone(),
            });
        }
        Some(Self {
            id,
            created_at: hour(created_at),
            updated_at: hour(created_at),
            kept_from: hour(now),
            currency: terms.currency.clone(),
            total: terms.total,
            funding_source: funding_source?,
            status: OrderStatus::Pending,
            references_used: 0,
            has_transfers: false,
            items,
        })
    }

    /// When the order is forgotten or canceled, if nothing more is paid.
    pub fn expires_at(&self, retention: &Waiting) -> Option<DateTime<Utc>> {
        match self.status {
            OrderStatus::Pending if self.has_transfers => {
                Some(self.kept_from + retention.partly_paid)
            }
            OrderStatus::Pending => Some(self.kept_from + retention.unpaid),
            OrderStatus::Canceled | OrderStatus::Fulfilled | OrderStatus::Paid => None,
        }
    }
}

/// How long an order waits for money.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Waiting {
    /// Without a transfer; then it is deleted.
    pub unpaid: TimeDelta,
    /// With a transfer; then it is canceled.
    pub partly_paid: TimeDelta,
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
