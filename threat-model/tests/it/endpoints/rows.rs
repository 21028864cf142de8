//! The table of routes.

mod measurements;

use blindtally::system::{Part, ServiceName};
use http::Method;
use messages::problem::Slug;

/// Who serves a route.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Server {
    /// A part of star-collector.
    Part(Part),
    /// One of those that votes go through.
    Service(ServiceName),
}

pub(super) const CHALLENGE_BYPASS: Server = Server::Service(ServiceName::ChallengeBypass);
pub(super) const PAYMENTS: Server = Server::Service(ServiceName::Payments);
pub(super) const TALLY: Server = Server::Service(ServiceName::Tally);

impl Server {
    /// All of them. What the custodian of the sandbox describes is nothing.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let services = ServiceName::ALL.into_iter().map(Self::Service);
        services.chain(Part::ALL.into_iter().map(Self::Part))
    }
}

/// A route, and bodies that break its rules.
pub(super) struct Row {
    pub(super) server: Server,
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) breaking: &'static [Breaking],
}

/// A body that breaks one rule, what it is refused as, and the pointer to what is wrong, or words about it where a body has
/// no members.
pub(super) type Breaking = (&'static str, Slug, &'static str);

/// A row.
pub(super) const fn row(
    server: Server,
    method: Method,
    path: &'static str,
    breaking: &'static [Breaking],
) -> Row {
    Row {
        server,
        method,
        path,
        breaking,
    }
}

const EXTERNAL: &[Breaking] = &[
    (
        r#"{"externalTransactionId":"7"}"#,
        Slug::InvalidBody,
        "/externalTransactionId",
    ),
    (
        r#"{"externalTransactionId":"00000000-0000-0000-0000-00000000000g"}"#,
        Slug::InvalidBody,
        "/externalTransactionId",
    ),
    (
        r#"{"externalTransactionId":"6ba7b810-9dad-41d1-80b4-00c04fd430c8","amount":"1"}"#,
        Slug::InvalidBody,
        "/amount",
    ),
];

/// The routes of all services.
pub(super) fn rows() -> impl Iterator<Item = &'static Row> {
    VOTES.iter().chain(measurements::ROWS)
}

const VOTES: &[Row] = &[
    row(
        PAYMENTS,
        Method::POST,
        "/v1/orders",
        &[
            (r#"{"items":[]}"#, Slug::InvalidBody, "/items"),
            (
                r#"{"items":[{"sku":"","quantity":4}]}"#,
                Slug::InvalidSku,
                "/items/0/sku",
            ),
            (
                r#"{"items":[{"sku":"SKU","quantity":3}]}"#,
                Slug::InvalidQuantity,
                "/items/0/quantity",
            ),
            (
                r#"{"items":[{"sku":"SKU","quantity":-4}]}"#,
                Slug::InvalidQuantity,
                "/items/0/quantity",
            ),
            (
                r#"{"items":[{"sku":"SKU","quantity":4},{"sku":"SKU","quantity":4},{"sku":"SKU","quantity":4},{"sku":"SKU","quantity":4},{"sku":"SKU","quantity":4}]}"#,
                Slug::InvalidBody,
                "/items",
            ),
            (
                r#"{"items":[{"sku":"SKU","quantity":9223372036854775807}]}"#,
                Slug::InvalidQuantity,
                "/items/0/quantity",
            ),
        ],
    ),
    row(PAYMENTS, Method::GET, "/v1/orders/{orderId}", &[]),
    row(
        PAYMENTS,
        Method::GET,
        "/v1/orders/{orderId}/transactions",
        &[],
    ),
    row(
        PAYMENTS,
        Method::POST,
        "/v1/orders/{orderId}/transactions/uphold",
        EXTERNAL,
    ),
    row(
        PAYMENTS,
        Method::POST,
        "/v1/orders/{orderId}/transactions/gemini",
        EXTERNAL,
    ),
    row(
        PAYMENTS,
        Method::POST,
        "/v1/orders/{orderId}/transactions/anonymousCard",
        &[
            (
                r#"{"paymentId":"6ba7b810-9dad-41d1-80b4-00c04fd430c8","transaction":""}"#,
                Slug::InvalidTransaction,
                "/transaction",
            ),
            (
                r#"{"paymentId":"6ba7b810-9dad-41d1-80b4-00c04fd430c8","transaction":"e30="}"#,
                Slug::InvalidTransaction,
                "/transaction",
            ),
            (
                r#"{"paymentId":"card","transaction":"e30="}"#,
                Slug::InvalidBody,
                "/paymentId",
            ),
        ],
    ),
    row(
        PAYMENTS,
        Method::POST,
        "/v1/orders/{orderId}/credentials",
        &[
            (
                r#"{"itemId":"ITEM","blindedCreds":[]}"#,
                Slug::InvalidQuantity,
                "/blindedCreds",
            ),
            (
                r#"{"itemId":"ITEM","blindedCreds":["AA=="]}"#,
                Slug::InvalidBody,
                "/blindedCreds/0",
            ),
            (
                r#"{"itemId":"ITEM","blindedCreds":["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]}"#,
                Slug::InvalidPoint,
                "/blindedCreds/0",
            ),
            (
                r#"{"itemId":"ITEM","blindedCreds":["4vKuCmq8TnGohKlhxQBRX1jjC2qlgt2NtqZZReCNLXY=","4vKuCmq8TnGohKlhxQBRX1jjC2qlgt2NtqZZReCNLXY=","4vKuCmq8TnGohKlhxQBRX1jjC2qlgt2NtqZZReCNLXY=","4vKuCmq8TnGohKlhxQBRX1jjC2qlgt2NtqZZReCNLXY="]}"#,
                Slug::DuplicateToken,
                "/blindedCreds/1",
            ),
        ],
    ),
    row(
        PAYMENTS,
        Method::GET,
        "/v1/orders/{orderId}/credentials",
        &[],
    ),
    row(
        PAYMENTS,
        Method::GET,
        "/v1/orders/{orderId}/credentials/{itemId}",
        &[],
    ),
    row(
        PAYMENTS,
        Method::POST,
        "/v1/votes",
        &[
            (
                r#"{"vote":"","credentials":[{"publicKey":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","t":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==","signature":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="}]}"#,
                Slug::InvalidVote,
                "/vote",
            ),
            (
                r#"{"vote":"e30=","credentials":[{"publicKey":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","t":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==","signature":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="}]}"#,
                Slug::InvalidVote,
                "/vote",
            ),
            (
                r#"{"vote":"eyJjaGFubmVsIjoiZXhhbXBsZSIsInR5cGUiOiJvbmVvZmYtdGlwIn0=","credentials":[{"publicKey":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","t":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==","signature":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="}]}"#,
                Slug::InvalidChannel,
                "/vote",
            ),
            (
                r#"{"vote":"eyJjaGFubmVsIjoiZXhhbXBsZS5jb20iLCJ0eXBlIjoib25lb2ZmLXRpcCJ9","credentials":[]}"#,
                Slug::InvalidBody,
                "/credentials",
            ),
            (
                r#"{"vote":"eyJjaGFubmVsIjoiZXhhbXBsZS5jb20iLCJ0eXBlIjoib25lb2ZmLXRpcCJ9","credentials":[{"publicKey":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","t":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==","signature":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="},{"publicKey":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","t":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==","signature":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="}]}"#,
                Slug::DuplicateToken,
                "/credentials/1/t",
            ),
            (
                r#"{"vote":"eyJjaGFubmVsIjoiZXhhbXBsZS5jb20iLCJ0eXBlIjoib25lb2ZmLXRpcCJ9","credentials":[{"publicKey":"","t":"","signature":""}]}"#,
                Slug::InvalidBody,
                "/credentials/0/publicKey",
            ),
            (
                r#"{"vote":"eyJjaGFubmVsIjoiZXhhbXBsZS5jb20iLCJ0eXBlIjoib25lb2ZmLXRpcCJ9","credentials":[{"publicKey":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","t":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==","signature":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="}],"note":"1"}"#,
                Slug::InvalidBody,
                "/note",
            ),
            (
                r#"{"vote":"eyJjaGFubmVsIjoiZXhhbXBsZS5jb20iLCJ0eXBlIjoib25lb2ZmLXRpcCJ9","credentials":[{"publicKey":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","t":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==","signature":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="}]}"#,
                Slug::UnknownIssuerKey,
                "",
            ),
        ],
    ),
    row(PAYMENTS, Method::GET, "/v1/key-directory", &[]),
    row(PAYMENTS, Method::GET, "/v1/anonymity-sets", &[]),
    row(PAYMENTS, Method::GET, "/health-check", &[]),
    row(
        CHALLENGE_BYPASS,
        Method::PUT,
        "/v4/issuers/{name}",
        &[
            (
                r#"{"fundingSource":"user-wallet","sku":"s","price":"-1","currency":"BAT","keyPeriod":"P30D","redeemablePeriods":2,"derivation":"rfc9497"}"#,
                Slug::InvalidBody,
                "/price",
            ),
            (
                r#"{"fundingSource":"user-wallet","sku":"s","price":"1","currency":"BAT","keyPeriod":"30 days","redeemablePeriods":2,"derivation":"rfc9497"}"#,
                Slug::InvalidBody,
                "/keyPeriod",
            ),
            (
                r#"{"fundingSource":"user-wallet","sku":"s","price":"1","currency":"BAT","keyPeriod":"P30D","redeemablePeriods":0,"derivation":"rfc9497"}"#,
                Slug::InvalidBody,
                "/redeemablePeriods",
            ),
            (
                r#"{"fundingSource":"user-wallet","sku":"s","price":"1","currency":"BAT","keyPeriod":"P30D","redeemablePeriods":2,"derivation":"legacy"}"#,
                Slug::LegacyNotAllowed,
                "",
            ),
            (
                r#"{"fundingSource":"user-wallet","sku":"s","price":"1","currency":"BAT","keyPeriod":"P30D","redeemablePeriods":2,"derivation":"rfc9497"}"#,
                Slug::IssuerExists,
                "",
            ),
        ],
    ),
    row(CHALLENGE_BYPASS, Method::GET, "/v4/issuers/{name}", &[]),
    row(
        CHALLENGE_BYPASS,
        Method::POST,
        "/v4/issuers/{name}/signatures",
        &[
            (
                r#"{"requestId":"AA==","blindedTokens":[]}"#,
                Slug::InvalidBody,
                "/requestId",
            ),
            (
                r#"{"requestId":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","blindedTokens":[]}"#,
                Slug::InvalidBody,
                "/blindedTokens",
            ),
            (
                r#"{"requestId":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","blindedTokens":["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]}"#,
                Slug::InvalidPoint,
                "/blindedTokens/0",
            ),
            (
                r#"{"requestId":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","blindedTokens":["4vKuCmq8TnGohKlhxQBRX1jjC2qlgt2NtqZZReCNLXY=","4vKuCmq8TnGohKlhxQBRX1jjC2qlgt2NtqZZReCNLXY="]}"#,
                Slug::DuplicateToken,
                "/blindedTokens/1",
            ),
        ],
    ),
    row(
        CHALLENGE_BYPASS,
        Method::POST,
        "/v4/issuers/{name}/keys/rotate",
        &[],
    ),
    row(
        CHALLENGE_BYPASS,
        Method::POST,
        "/v4/keys/{keyId}/revoke",
        &[],
    ),
    row(
        CHALLENGE_BYPASS,
        Method::POST,
        "/v4/redemptions",
        &[
            (
                r#"{"payload":"","tokens":[]}"#,
                Slug::InvalidBody,
                "/tokens",
            ),
            (
                r#"{"payload":"x","tokens":[{"publicKey":"","t":"","signature":""}]}"#,
                Slug::InvalidBody,
                "/tokens/0/publicKey",
            ),
            (
                r#"{"payload":"x","tokens":[{"publicKey":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","t":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==","signature":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="}],"note":1}"#,
                Slug::InvalidBody,
                "/note",
            ),
            (
                r#"{"payload":"x","tokens":[{"publicKey":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","t":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==","signature":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="},{"publicKey":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","t":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==","signature":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="}]}"#,
                Slug::DuplicateToken,
                "",
            ),
            (
                r#"{"payload":"x","tokens":[{"publicKey":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","t":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==","signature":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="}]}"#,
                Slug::UnknownIssuerKey,
                "",
            ),
        ],
    ),
    row(
        CHALLENGE_BYPASS,
        Method::POST,
        "/v4/directory-keys",
        &[
            (
                r#"{"publicKey":"AA==","previousKey":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","signatures":{"previous":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==","new":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="}}"#,
                Slug::InvalidBody,
                "/publicKey",
            ),
            (
                r#"{"publicKey":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","previousKey":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","signatures":{"previous":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==","new":"AA=="}}"#,
                Slug::InvalidBody,
                "/signatures/new",
            ),
            (
                r#"{"publicKey":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","previousKey":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","signatures":{"previous":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==","new":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="}}"#,
                Slug::InvalidBody,
                "/signatures/previous",
            ),
        ],
    ),
    row(CHALLENGE_BYPASS, Method::GET, "/v4/key-directory", &[]),
    row(TALLY, Method::GET, "/v1/months", &[]),
    row(TALLY, Method::GET, "/v1/months/{month}", &[]),
    row(TALLY, Method::GET, "/v1/months/{month}/payouts", &[]),
    row(TALLY, Method::GET, "/v1/publishers/{channel}", &[]),
    row(TALLY, Method::GET, "/v1/ledger/entries", &[]),
    row(TALLY, Method::GET, "/v1/ledger/head", &[]),
    row(TALLY, Method::GET, "/v1/directory-heads", &[]),
];
