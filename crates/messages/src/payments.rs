//! The JSON bodies of payments' public API (contracts §2). Names are those that existing clients use.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    BatchProof, BlindedToken, FundingSource, KeyId, Preimage, PublicKey, Signature, SignedToken,
    money::Amount, uuid_text,
};

/// `POST /v1/orders`. Unknown members, `email` among them, are ignored.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct OrderRequest {
    /// What to buy.
    pub items: Vec<OrderItemRequest>,
}

/// One line of an order to be.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
pub struct OrderItemRequest {
    /// The SKU token: a macaroon in base64.
    pub sku: String,
    /// How many tokens.
    pub quantity: i64,
}

/// Where an order stands.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OrderStatus {
    /// Waiting for money.
    Pending,
    /// Enough money has arrived.
    Paid,
    /// Every item has its credentials.
    Fulfilled,
    /// Not paid within 30 days.
    Canceled,
}

/// An order. Its times are cut to the hour.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// The order's id.
    pub id: Uuid,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// The currency of all its amounts.
    pub currency: String,
    /// The sum over its items.
    pub total_price: Amount,
    /// Always `brave.com`.
    pub merchant_id: String,
    /// Where the SKU is sold.
    pub location: String,
    /// Where it stands.
    pub status: OrderStatus,
    /// Its lines.
    pub items: Vec<OrderItem>,
    /// When it is forgotten, if nothing is paid.
    pub expires_at: Option<DateTime<Utc>>,
    /// The next unused transfer reference: what the next transfer must carry.
    pub transfer_reference: Uuid,
    /// The order's capability, only in the answer that made the order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capability: Option<String>,
}

/// Shows the order's id and status: its capability lets whoever reads it pay and sign for it.
impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Order")
            .field("id", &self.id)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// One line of an order.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderItem {
    /// The item's id.
    pub id: Uuid,
    /// The order it belongs to.
    pub order_id: Uuid,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// The SKU's name.
    pub sku: String,
    /// The currency of the price.
    pub currency: String,
    /// How many tokens.
    pub quantity: u32,
    /// The price of one.
    pub price: Amount,
    /// Price times quantity.
    pub subtotal: Amount,
    /// Where the SKU is sold.
    pub location: String,
    /// What the SKU says of itself.
    pub description: String,
    /// Always `single-use`.
    pub credential_type: String,
}

/// `POST …/transactions/uphold` and `…/gemini`.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TransferRequest {
    /// The custodian's id of the transfer.
    #[serde(deserialize_with = "uuid_text::deserialize")]
    pub external_transaction_id: Uuid,
    /// Sent by existing clients, and ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// `POST …/transactions/anonymousCard`.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CardTransferRequest {
    /// The card.
    #[serde(deserialize_with = "uuid_text::deserialize")]
    pub payment_id: Uuid,
    /// Base64 of [`SignedTransfer`] as JSON.
    pub transaction: String,
    /// Sent by existing clients, and ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// A transfer that a card's key has signed: an HTTP signature over `digest`, which covers `octets`.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SignedTransfer {
    /// The signed headers.
    pub headers: SignedTransferHeaders,
    /// [`CardTransfer`] as JSON text, byte for byte as it was signed.
    pub octets: String,
}

/// The headers of a [`SignedTransfer`].
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SignedTransferHeaders {
    /// `SHA-256=<base64>` of the octets.
    pub digest: String,
    /// `keyId="primary",algorithm="ed25519",headers="digest",signature="<base64>"`.
    pub signature: String,
}

/// What a card's key signs.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CardTransfer {
    /// How much of what.
    pub denomination: Denomination,
    /// The settlement address.
    pub destination: String,
    /// The order's transfer reference.
    pub message: String,
}

/// An amount of a currency.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Denomination {
    /// The amount.
    pub amount: Amount,
    /// The currency.
    pub currency: String,
}

/// A transfer that was named for an order.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Transaction {
    /// Our id.
    pub id: Uuid,
    /// The order it pays.
    pub order_id: Uuid,
    /// When it was recorded, cut to the hour.
    pub created_at: DateTime<Utc>,
    /// When its status last changed, cut to the hour.
    pub updated_at: DateTime<Utc>,
    /// The custodian's id, empty once it was erased.
    pub external_transaction_id: String,
    /// Where the transfer stands: `pending`, `completed`, `failed`, `canceled` and the like.
    pub status: String,
    /// The currency of the amount.
    pub currency: String,
    /// `uphold`, `gemini` or `anonymous-card`.
    pub kind: String,
    /// How much arrived.
    pub amount: Amount,
}

/// `POST …/credentials`. Unknown members are ignored.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CredentialsRequest {
    /// The item they are for.
    #[serde(deserialize_with = "uuid_text::deserialize")]
    pub item_id: Uuid,
    /// As many blinded tokens as the item's quantity.
    pub blinded_creds: Vec<BlindedToken>,
}

/// The signed tokens of an item.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderCredentials {
    /// The item's id.
    pub id: Uuid,
    /// The order's id.
    pub order_id: Uuid,
    /// A UUID made from the issuer's name.
    pub issuer_id: Uuid,
    /// What was submitted.
    pub blinded_creds: Vec<BlindedToken>,
    /// What was signed, in the same order.
    pub signed_creds: Vec<SignedToken>,
    /// Shows that one key signed them all.
    pub batch_proof: BatchProof,
    /// That key.
    pub public_key: PublicKey,
}

/// `POST /v1/votes`.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VoteRequest {
    /// The vote's text in base64 ([`crate::vote_text::VoteText`]): what each credential signs.
    pub vote: String,
    /// The tokens that are spent on it.
    pub credentials: Vec<VoteCredential>,
}

/// A token and its signature over the vote.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VoteCredential {
    /// The key that signed the token.
    pub public_key: PublicKey,
    /// The preimage.
    pub t: Preimage,
    /// HMAC-SHA512 over the `vote` text as sent.
    pub signature: Signature,
}

/// `GET /v1/anonymity-sets`: how large a crowd each key's tokens hide in.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnonymitySets {
    /// One row for each key that signed an order.
    pub keys: Vec<AnonymitySet>,
}

/// The crowd of one key.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnonymitySet {
    /// The key.
    pub key_id: KeyId,
    /// Whose funds it is for.
    pub funding_source: FundingSource,
    /// Orders it signed in all, rounded down to a power of two.
    pub orders_total: u64,
    /// The same by day.
    pub days: Vec<AnonymitySetDay>,
}

/// The orders that a key signed on one day.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct AnonymitySetDay {
    /// The day, UTC.
    pub day: NaiveDate,
    /// Orders, rounded down to a power of two.
    pub orders: u64,
}

// What joins an order to an account, or a vote to a publisher, and what is as good as money.
hidden!(
    CardTransfer,
    CardTransferRequest,
    OrderItemRequest,
    SignedTransfer,
    SignedTransferHeaders,
    Transaction,
    TransferRequest,
    VoteRequest,
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_an_order_shows_no_capability() {
        let order: Order = serde_json::from_value(serde_json::json!({
            "id": Uuid::nil(), "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z",
            "currency": "BAT", "totalPrice": "1", "merchantId": "brave.com", "location": "brave.com",
            "status": "pending", "items": [], "expiresAt": null, "transferReference": Uuid::max(),
            "capability": "AgEJsecret",
        }))
        .unwrap();
        let shown = format!("{order:?}");
        assert!(
            !shown.contains("secret") && !shown.contains("ffff"),
            "{shown}"
        );
    }

    #[test]
    fn debug_of_what_a_client_sends_or_is_told_of_its_money_shows_nothing() {
        fn shown<T: fmt::Debug + serde::de::DeserializeOwned>(text: &str) -> String {
            format!("{:?}", serde_json::from_str::<T>(text).unwrap())
        }
        let id = Uuid::nil();
        let headers = r#"{"digest":"x","signature":"x"}"#;
        let money = r#"{"amount":"1","currency":"BAT"}"#;
        let transaction = format!(
            r#"{{"id":"{id}","orderId":"{id}","createdAt":"2026-01-01T00:00:00Z",
                "updatedAt":"2026-01-01T00:00:00Z","externalTransactionId":"x","status":"pending",
                "currency":"BAT","kind":"uphold","amount":"1"}}"#
        );

        for (shown, name) in [
            (
                shown::<VoteRequest>(r#"{"vote":"x","credentials":[]}"#),
                "VoteRequest",
            ),
            (
                shown::<OrderItemRequest>(r#"{"sku":"x","quantity":4}"#),
                "OrderItemRequest",
            ),
            (
                shown::<TransferRequest>(&format!(r#"{{"externalTransactionId":"{id}"}}"#)),
                "TransferRequest",
            ),
            (
                shown::<CardTransferRequest>(&format!(
                    r#"{{"paymentId":"{id}","transaction":"x"}}"#
                )),
                "CardTransferRequest",
            ),
            (
                shown::<SignedTransferHeaders>(headers),
                "SignedTransferHeaders",
            ),
            (
                shown::<SignedTransfer>(&format!(r#"{{"headers":{headers},"octets":"x"}}"#)),
                "SignedTransfer",
            ),
            (
                shown::<CardTransfer>(&format!(
                    r#"{{"denomination":{money},"destination":"x","message":"x"}}"#
                )),
                "CardTransfer",
            ),
            (shown::<Transaction>(&transaction), "Transaction"),
        ] {
            assert_eq!(shown, format!("{name}(..)"));
        }
    }
}
