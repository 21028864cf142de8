//! The JSON bodies of challenge-bypass's native API, `/v4` (contracts §4).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    BatchProof, BlindedToken, FundingSource, KeyId, Preimage, PublicKey, Signature, SignedToken,
    SigningRequestId, money::Amount,
};

/// How a token's point and verification key are derived from its preimage.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Derivation {
    /// The un-hashed map of older clients, which can be forged (threat T9).
    Legacy,
    /// RFC 9497, mode 0x00, ristretto255-SHA512.
    Rfc9497,
}

impl Derivation {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Rfc9497 => "rfc9497",
        }
    }
}

/// `PUT /v4/issuers/{name}`: the terms of an issuer, which never change. Unknown members are ignored.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IssuerTerms {
    /// Whose money buys its tokens.
    pub funding_source: FundingSource,
    /// The SKU that its tokens are.
    pub sku: String,
    /// The price of one token.
    pub price: Amount,
    /// The currency of the price.
    pub currency: String,
    /// How long a key signs: an ISO 8601 duration of whole days, such as `P30D`.
    pub key_period: String,
    /// For how many periods, from its first day on, a key redeems.
    pub redeemable_periods: u32,
    /// How tokens are derived.
    pub derivation: Derivation,
}

/// An issuer with its keys.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Issuer {
    /// The issuer's name, matched exactly.
    pub name: String,
    /// Its terms.
    #[serde(flatten)]
    pub terms: IssuerTerms,
    /// All its keys, oldest first: also those that sign and redeem no more.
    pub keys: Vec<IssuerKey>,
}

/// A key of an issuer, and what it did.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IssuerKey {
    /// The key's id.
    pub key_id: KeyId,
    /// The public key.
    pub public_key: PublicKey,
    /// It signs from here on.
    pub sign_from: DateTime<Utc>,
    /// It signs until here.
    pub sign_until: DateTime<Utc>,
    /// It redeems until here.
    pub redeem_until: DateTime<Utc>,
    /// Whether it was revoked.
    pub revoked: bool,
    /// Tokens that it signed.
    pub signed_total: u64,
    /// Tokens of it that were redeemed.
    pub redeemed_total: u64,
}

/// `POST /v4/issuers/{name}/signatures`. Unknown members are ignored.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SigningRequest {
    /// Names the request: a repeat is signed again and not counted again.
    pub request_id: SigningRequestId,
    /// What to sign.
    pub blinded_tokens: Vec<BlindedToken>,
}

/// The answer to a [`SigningRequest`].
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SigningResponse {
    /// The key that signed.
    pub public_key: PublicKey,
    /// The signed tokens, in the order of the request.
    pub signed_tokens: Vec<SignedToken>,
    /// Shows that one key signed them all.
    pub batch_proof: BatchProof,
}

/// `POST /v4/redemptions`: all of the tokens, or none.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RedemptionRequest {
    /// What the tokens are spent on: the text that each signature covers.
    pub payload: String,
    /// The tokens, all of one key.
    pub tokens: Vec<RedemptionToken>,
    /// Only say whether this very request was redeemed before.
    #[serde(default)]
    pub replay_only: bool,
    /// The highest `redeemedTotal` of this key that the caller has seen.
    #[serde(default)]
    pub at_least: u64,
}

// The payload names the publisher.
hidden!(RedemptionRequest);

/// A token that is redeemed.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RedemptionToken {
    /// The key that signed it.
    pub public_key: PublicKey,
    /// The preimage.
    pub t: Preimage,
    /// HMAC-SHA512 over the payload.
    pub signature: Signature,
}

/// The answer to a [`RedemptionRequest`] that was not refused.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedemptionResponse {
    /// Whether this request spent the tokens now, or had done so before.
    pub outcome: RedemptionOutcome,
    /// The issuer's name.
    pub issuer: String,
    /// Tokens of this key that are redeemed by now.
    pub redeemed_total: u64,
}

/// What a redemption did.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RedemptionOutcome {
    /// The tokens are spent now.
    First,
    /// The same request had spent them before.
    Replay,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_a_redemption_shows_nothing() {
        let request = RedemptionRequest {
            payload: "for a".to_owned(),
            tokens: vec![],
            replay_only: false,
            at_least: 0,
        };

        assert_eq!(format!("{request:?}"), "RedemptionRequest(..)");
    }
}
