//! Settings of the orders side.

use messages::{FundingSource, money::Amount};
use serde::Deserialize;
use service_kit::{secret::SecretFile, tls::ClientTls};
use url::Url;

use crate::domain::sku::Sku;

/// One SKU. Its terms never change: a new price is a new SKU.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SkuSettings {
    /// Its name.
    pub name: String,
    /// The price of one token.
    pub price: Amount,
    /// The currency of the price.
    pub currency: String,
    /// What it says of itself.
    pub description: String,
    /// `user-wallet` or `anonymous-card`.
    pub funding_source: FundingSource,
    /// How long a key of its issuer signs: an ISO 8601 duration of whole days.
    pub key_period: String,
    /// For how many periods a key redeems.
    pub redeemable_periods: u32,
    /// Whether it is sold. If not, what was ordered before is still paid, signed and counted.
    #[serde(default = "on_sale")]
    pub on_sale: bool,
}

fn on_sale() -> bool {
    true
}

impl From<&SkuSettings> for Sku {
    fn from(settings: &SkuSettings) -> Self {
        Self {
            name: settings.name.clone(),
            price: settings.price,
            currency: settings.currency.clone(),
            description: settings.description.clone(),
            funding_source: settings.funding_source,
            on_sale: settings.on_sale,
        }
    }
}

/// Bounds on orders.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Orders {
    /// The quantities that are sold.
    pub order_quantities: Vec<u32>,
    /// The largest of them that may be configured.
    pub order_quantity_max: u32,
    /// The most items of one order.
    pub order_items_max: usize,
    /// The most transfers of one order.
    pub order_transfers_max: u32,
    /// The most orders without a transfer.
    pub orders_unpaid_max: u64,
    /// The most idempotency keys that are remembered.
    pub idempotency_rows_max: u64,
    /// The largest body of an order or a transfer, in bytes.
    pub body_bytes_max: usize,
}

/// How transfers are looked up.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfers {
    /// Whether a transfer must carry a reference of its order.
    pub require_transfer_reference: bool,
    /// How long a pending transfer is asked for often; afterwards once a day.
    pub transfer_poll_hours: u32,
    /// How long one try may take.
    pub timeout_seconds: u64,
    /// How many tries there are.
    pub tries_max: u32,
    /// How long all tries together may take.
    pub tries_seconds_max: u64,
    /// After so many failures in a row a custodian is left alone.
    pub breaker_failures: u32,
    /// For so long.
    pub breaker_seconds: u64,
}

/// Bounds on credentials.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The most blinded tokens of one request.
    pub blinded_tokens_max: usize,
    /// The largest body of a request, in bytes.
    pub body_bytes_max: usize,
}

/// How long things are kept.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Orders without a transfer.
    pub unpaid_order_hours: u32,
    /// Orders with a transfer that are not paid; then they are canceled.
    pub partly_paid_order_days: u32,
    /// Orders that are paid and unclaimed; then they are listed for refund.
    pub unclaimed_order_days: u32,
    /// Credentials after signing, and transfers after the order is fulfilled.
    pub credential_retention_days: u32,
    /// Orders that are fulfilled or canceled; as long their capabilities last.
    pub order_retention_days: u32,
    /// Idempotency keys.
    pub idempotency_hours: u32,
}

/// Who moves the money.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Custodians {
    /// Transfers of Uphold's users.
    pub uphold: Uphold,
    /// Transfers of Gemini's users.
    pub gemini: Gemini,
    /// Transfers of cards at Uphold that belong to no account.
    pub anonymous_card: AnonymousCard,
    /// Whom to trust when they are called.
    pub tls: ClientTls,
}

/// Uphold.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uphold {
    /// Where its API is.
    pub url: Url,
    /// The bearer token.
    pub token_file: SecretFile,
    /// Our address there.
    pub settlement_address: String,
}

/// Gemini.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gemini {
    /// Where its API is.
    pub url: Url,
    /// The client id in the path of a look-up.
    pub client_id: String,
    /// The key that names our account.
    pub api_key_file: SecretFile,
    /// The secret that look-ups are signed with.
    pub api_secret_file: SecretFile,
    /// Our address there.
    pub settlement_address: String,
}

/// Anonymous cards, at Uphold and with its token.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnonymousCard {
    /// Our address for them: another one than for Uphold's users, so that funds are never mixed (G3).
    pub settlement_address: String,
}
