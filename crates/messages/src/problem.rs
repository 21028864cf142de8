//! What a refusal says: problem documents (RFC 9457) and the slugs that name them.
//!
//! Every slug is explained in `docs/problems.md`; a test fails when one is missing there.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What every problem's `type` begins with.
pub const TYPE_PREFIX: &str = "urn:blindtally:problem:";

/// The body of an `application/problem+json` answer.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct Problem {
    /// `urn:blindtally:problem:<slug>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// One sentence, the same for every problem of this type.
    pub title: String,
    /// The HTTP status again.
    pub status: u16,
    /// What is particular to this occurrence. Never a text of a dependency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The members of the request that are wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub invalid: Vec<InvalidField>,
}

impl Problem {
    /// The slug at the end of the type, when it is one of ours.
    pub fn slug(&self) -> Option<Slug> {
        let name = self.kind.strip_prefix(TYPE_PREFIX)?;
        Slug::ALL.iter().copied().find(|slug| slug.as_str() == name)
    }
}

impl From<Slug> for Problem {
    fn from(slug: Slug) -> Self {
        Self {
            kind: format!("{TYPE_PREFIX}{}", slug.as_str()),
            title: slug.title().to_owned(),
            status: slug.status(),
            detail: None,
            invalid: Vec::new(),
        }
    }
}

/// A member of the request that is wrong.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct InvalidField {
    /// A JSON pointer (RFC 6901) into the request body.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

macro_rules! slugs {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $status:literal, $title:literal;)*) => {
        /// The name of a kind of problem.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum Slug {
            $(#[doc = $title] $variant,)*
        }

        impl Slug {
            /// All slugs, in the order of their names.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The slug.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The HTTP status it is sent with.
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// The title of its problem document.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }
        }
    };
}

slugs! {
    BadSignature = "bad-signature", 400, "A credential's signature does not fit its key and the vote.";
    BodyTooLarge = "body-too-large", 413, "The body is larger than this route allows.";
    CredentialsAlreadySubmitted = "credentials-already-submitted", 409, "Other blinded tokens were submitted for this item before.";
    CredentialsErased = "credentials-erased", 410, "The credentials were erased after their retention time; nothing is signed again.";
    CustodianAnswerInvalid = "custodian-answer-invalid", 502, "The custodian's answer cannot be understood.";
    CustodianUnavailable = "custodian-unavailable", 503, "The custodian cannot be reached; nothing was recorded. Try again later.";
    DirectoryKeyConflict = "directory-key-conflict", 409, "The directory key to be replaced is not in force, or the new one was before.";
    DuplicateToken = "duplicate-token", 400, "A token stands in the request more than once.";
    Internal = "internal", 500, "The service failed.";
    InvalidBody = "invalid-body", 400, "The body is not what this route takes.";
    InvalidChannel = "invalid-channel", 400, "The channel is not a registrable domain or a known kind of account.";
    InvalidHeader = "invalid-header", 400, "A header is not what this route takes.";
    InvalidPath = "invalid-path", 400, "The path is not what this route takes.";
    InvalidPoint = "invalid-point", 400, "A blinded token or a point is not a canonical, non-identity ristretto255 encoding.";
    InvalidQuantity = "invalid-quantity", 400, "The quantity is not one of those that are sold.";
    InvalidQuery = "invalid-query", 400, "The query is not what this route takes.";
    InvalidSku = "invalid-sku", 400, "The SKU token is not one that this environment sells.";
    InvalidTransaction = "invalid-transaction", 400, "The signed card transaction is malformed or its signature does not fit.";
    InvalidVote = "invalid-vote", 400, "The vote is not in the one form that votes have.";
    IssuerExists = "issuer-exists", 409, "The issuer exists with other terms.";
    IssuerUnavailable = "issuer-unavailable", 503, "The signing service cannot be reached. Try the same request again.";
    KeyExpired = "key-expired", 400, "The key redeems no more.";
    KeyRevoked = "key-revoked", 400, "The key was revoked.";
    LegacyNotAllowed = "legacy-not-allowed", 422, "The legacy derivation is not allowed for this issuer.";
    MethodNotAllowed = "method-not-allowed", 405, "The route does not take this method.";
    MixedItems = "mixed-items", 422, "The items of an order need one currency and one funding source.";
    MixedKeys = "mixed-keys", 422, "The credentials of a vote need one key.";
    NoConfirmedKey = "no-confirmed-key", 503, "No signing key is published long enough for clients to confirm it. Try again later.";
    NotFound = "not-found", 404, "There is nothing here.";
    NotReady = "not-ready", 503, "The service is not ready. Try again later.";
    OrderCanceled = "order-canceled", 422, "The order is canceled.";
    OrderNotPaid = "order-not-paid", 422, "The order is not paid yet.";
    Overloaded = "overloaded", 503, "The service has too much to do. Try again later.";
    RegistryBehind = "registry-behind", 503, "The redemption registry is older than what was confirmed before.";
    RegistryInconsistent = "registry-inconsistent", 503, "The redemption registry counts more redemptions than signatures.";
    TimedOut = "timed-out", 503, "The request took too long. Try the same request again.";
    TokenAlreadyRedeemed = "token-already-redeemed", 409, "A token was redeemed before, in another request.";
    TooManyRequests = "too-many-requests", 429, "Too many requests. Try again later.";
    TooManyTransfers = "too-many-transfers", 422, "The order has as many transfers as one may have.";
    TransferAlreadyUsed = "transfer-already-used", 409, "The transfer was used before.";
    TransferNotForThisOrder = "transfer-not-for-this-order", 422, "The transfer does not carry a reference of this order.";
    TransferNotFound = "transfer-not-found", 422, "The custodian knows no such transfer.";
    Unauthorized = "unauthorized", 401, "The capability is missing or not valid for this.";
    UnknownInstance = "unknown-instance", 404, "There is no such instance.";
    UnknownIssuer = "unknown-issuer", 404, "There is no such issuer.";
    UnknownIssuerKey = "unknown-issuer-key", 400, "No issuer has this key.";
    UnsupportedMediaType = "unsupported-media-type", 415, "The body must be application/json.";
    WrongAmount = "wrong-amount", 422, "The transfer's amount is not what is owed.";
    WrongCurrency = "wrong-currency", 422, "The transfer's currency is not the order's.";
    WrongDestination = "wrong-destination", 422, "The transfer went somewhere else.";
    WrongEpoch = "wrong-epoch", 400, "The epoch is not the current one: it is over, or has not begun.";
    WrongFundingSource = "wrong-funding-source", 422, "The order is not paid this way.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_unique_sorted_and_have_a_status_of_an_error() {
        let names: Vec<_> = Slug::ALL.iter().map(|slug| slug.as_str()).collect();
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
        assert!(
            Slug::ALL
                .iter()
                .all(|slug| (400..600).contains(&slug.status()))
        );
    }

    #[test]
    fn a_problem_says_its_slug_again() {
        let problem = Problem::from(Slug::MixedKeys);
        let json = serde_json::to_value(&problem).unwrap();
        assert_eq!(json["type"], "urn:blindtally:problem:mixed-keys");
        assert_eq!(json["status"], 422);
        assert_eq!(json.as_object().unwrap().len(), 3);
        assert_eq!(problem.slug(), Some(Slug::MixedKeys));
    }

    #[test]
    fn every_slug_is_explained_in_the_documentation() {
        let page = include_str!("../../../docs/problems.md");
        for slug in Slug::ALL {
            let (name, status) = (slug.as_str(), slug.status());
            assert!(
                page.contains(&format!("| `{name}` | {status} |")),
                "{name} {status}"
            );
        }
    }
}
