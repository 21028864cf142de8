//! How a client pays: by a transfer at its custodian, or by a card's signed order to pay.

mod sandbox;

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signer as _, SigningKey};
use messages::{
    money::Amount,
    payments::{
        CardTransfer, CardTransferRequest, Denomination, SignedTransfer, SignedTransferHeaders,
        TransferRequest,
    },
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

pub use sandbox::{Custodian, SandboxAccount};

/// A transfer as it is written down before any money moves.
#[derive(Clone, Deserialize, Serialize)]
pub struct Draft {
    /// The order's reference for it.
    pub reference: Uuid,
    /// How much.
    pub amount: Amount,
    /// In which currency.
    pub currency: String,
    /// How.
    pub method: Method,
    /// Whether payments knows of it.
    pub recorded: bool,
}

/// Shows no reference: it joins the order to an account at the custodian.
impl std::fmt::Debug for Draft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Draft")
            .field("recorded", &self.recorded)
            .finish_non_exhaustive()
    }
}

/// The three ways to pay.
#[derive(Clone, Deserialize, Serialize)]
pub enum Method {
    /// By an anonymous card: payments passes the signed transfer on.
    AnonymousCard {
        /// The card.
        payment_id: Uuid,
        /// Base64 of the signed transfer.
        transaction: String,
    },
    /// By a Gemini payment, which is known by the order's reference.
    Gemini,
    /// By an Uphold transfer of this id.
    Uphold {
        /// The transfer's id.
        id: Uuid,
    },
}

/// Names the way only.
impl std::fmt::Debug for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.route())
    }
}

impl Method {
    /// The last part of the route that takes note of such a transfer.
    pub fn route(&self) -> &'static str {
        match self {
            Self::AnonymousCard { .. } => "anonymousCard",
            Self::Gemini => "gemini",
            Self::Uphold { .. } => "uphold",
        }
    }
}

impl Draft {
    /// The body of the request that names this transfer for its order.
    pub fn body(&self) -> Vec<u8> {
        let external = |id: Uuid| TransferRequest {
            external_transaction_id: id,
            kind: None,
        };
        let body = match &self.method {
            Method::AnonymousCard {
                payment_id,
                transaction,
            } => serde_json::to_vec(&CardTransferRequest {
                payment_id: *payment_id,
                transaction: transaction.clone(),
                kind: None,
            }),
            Method::Gemini => serde_json::to_vec(&external(self.reference)),
            Method::Uphold { id } => serde_json::to_vec(&external(*id)),
        };
        body.expect("plain data becomes JSON")
    }
}

/// The user's side of a custodian.
#[async_trait]
pub trait Payer: Send + Sync {
    /// Whether an order may be paid in several transfers. A card's transfer pays all that is owed.
    fn pays_in_parts(&self) -> bool {
        true
    }

    /// Decides on the transfer, without moving money: the result is stored before [`Self::send`].
    fn draft(&self, reference: Uuid, amount: Amount, currency: &str) -> Draft;

    /// Moves the money. Sending the same draft again moves no more.
    async fn send(&self, draft: &Draft) -> Result<(), PayError>;
}

/// The money did not move, as far as is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PayError {
    /// The custodian refuses.
    #[error("the custodian refuses the transfer")]
    Refused,
    /// The custodian gave no answer: ask again.
    #[error("the custodian gave no answer")]
    Unavailable,
}

/// Signs a card's transfer: an HTTP signature by its key over the digest of the octets.
pub fn sign_card_transfer(key: &SigningKey, transfer: &CardTransfer) -> String {
    let octets = serde_json::to_string(transfer).expect("plain data becomes JSON");
    let digest = format!("SHA-256={}", STANDARD.encode(Sha256::digest(&octets)));
    let signature = key.sign(format!("digest: {digest}").as_bytes());
    let signature = STANDARD.encode(signature.to_bytes());
    let signed = SignedTransfer {
        headers: SignedTransferHeaders {
            digest,
            signature: format!(
                r#"keyId="primary",algorithm="ed25519",headers="digest",signature="{signature}""#
            ),
        },
        octets,
    };
    STANDARD.encode(serde_json::to_vec(&signed).expect("plain data becomes JSON"))
}

/// An anonymous card: its key signs, and payments passes the transfer on.
pub struct Card {
    /// The card's id.
    pub payment_id: Uuid,
    /// The card's key.
    pub key: SigningKey,
    /// The settlement address that the transfer must go to.
    pub destination: String,
}

/// Shows the id only.
impl std::fmt::Debug for Card {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Card")
            .field("payment_id", &self.payment_id)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Payer for Card {
    fn pays_in_parts(&self) -> bool {
        false
    }

    fn draft(&self, reference: Uuid, amount: Amount, currency: &str) -> Draft {
        let transfer = CardTransfer {
            denomination: Denomination {
                amount,
                currency: currency.to_owned(),
            },
            destination: self.destination.clone(),
            message: reference.to_string(),
        };
        Draft {
            reference,
            amount,
            currency: currency.to_owned(),
            method: Method::AnonymousCard {
                payment_id: self.payment_id,
                transaction: sign_card_transfer(&self.key, &transfer),
            },
            recorded: false,
        }
    }

    async fn send(&self, _draft: &Draft) -> Result<(), PayError> {
        Ok(())
    }
}
