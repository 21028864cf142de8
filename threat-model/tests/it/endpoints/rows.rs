//! The table of routes.

use blindtally::system::ServiceName::{self, ChallengeBypass, Payments, Tally};
use http::Method;

/// A route, and bodies that break its rules.
pub(super) struct Row {
    pub(super) service: ServiceName,
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) breaking: &'static [&'static str],
}

/// A row.
pub(super) const fn row(
    service: ServiceName,
    method: Method,
    path: &'static str,
    breaking: &'static [&'static str],
) -> Row {
    Row {
        service,
        method,
        path,
        breaking,
    }
}

const EXTERNAL: &[&str] = &[
    r#"{"externalTransactionId":"7"}"#,
    r#"{"externalTransactionId":"00000000-0000-0000-0000-00000000000g"}"#,
    r#"{"externalTransactionId":"6ba7b810-9dad-41d1-80b4-00c04fd430c8","amount":"1"}"#,
];

/// The routes of all services.
pub(super) const ROWS: &[Row] = &[
    row(
        Payments,
        Method::POST,
        "/v1/orders",
        &[
            r#"{"items":[]}"#,
            r#"{"items":[{"sku":"","quantity":4}]}"#,
            r#"{"items":[{"sku":"SKU","quantity":3}]}"#,
            r#"{"items":[{"sku":"SKU","quantity":-4}]}"#,
            r#"{"items":[{"sku":"SKU","quantity":4},{"sku":"SKU","quantity":4},{"sku":"SKU","quantity":4},{"sku":"SKU","quantity":4},{"sku":"SKU","quantity":4}]}"#,
            r#"{"items":[{"sku":"SKU","quantity":9223372036854775807}]}"#,
        ],
    ),
    row(Payments, Method::GET, "/v1/orders/{orderId}", &[]),
    row(
        Payments,
        Method::GET,
        "/v1/orders/{orderId}/transactions",
        &[],
    ),
    row(
        Payments,
        Method::POST,
        "/v1/orders/{orderId}/transactions/uphold",
        EXTERNAL,
    ),
    row(
        Payments,
        Method::POST,
        "/v1/orders/{orderId}/transactions/gemini",
        EXTERNAL,
    ),
    row(
        Payments,
        Method::POST,
        "/v1/orders/{orderId}/transactions/anonymousCard",
        &[
            r#"{"paymentId":"6ba7b810-9dad-41d1-80b4-00c04fd430c8","transaction":""}"#,
            r#"{"paymentId":"6ba7b810-9dad-41d1-80b4-00c04fd430c8","transaction":"e30="}"#,
            r#"{"paymentId":"card","transaction":"e30="}"#,
        ],
    ),
    row(
        Payments,
        Method::POST,
        "/v1/orders/{orderId}/credentials",
        &[
            r#"{"itemId":"ITEM","blindedCreds":[]}"#,
            r#"{"itemId":"ITEM","blindedCreds":["AA=="]}"#,
            r#"{"itemId":"ITEM","blindedCreds":["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]}"#,
        ],
    ),
    row(
        Payments,
        Method::GET,
        "/v1/orders/{orderId}/credentials",
        &[],
    ),
    row(
        Payments,
        Method::GET,
        "/v1/orders/{orderId}/credentials/{itemId}",
        &[],
    ),
    row(
        Payments,
        Method::POST,
        "/v1/votes",
        &[
            r#"{"vote":"","credentials":[]}"#,
            r#"{"vote":"eyJjaGFubmVsIjoiZXhhbXBsZS5jb20iLCJ0eXBlIjoib25lb2ZmLXRpcCJ9","credentials":[]}"#,
            r#"{"vote":"e30=","credentials":[{"publicKey":"","t":"","signature":""}]}"#,
            r#"{"vote":"e30=","credentials":[],"note":"1"}"#,
        ],
    ),
    row(Payments, Method::GET, "/v1/key-directory", &[]),
    row(Payments, Method::GET, "/v1/anonymity-sets", &[]),
    row(Payments, Method::GET, "/health-check", &[]),
    row(
        ChallengeBypass,
        Method::PUT,
        "/v4/issuers/{name}",
        &[
            r#"{"fundingSource":"user-wallet","sku":"s","price":"-1","currency":"BAT","keyPeriod":"P30D","redeemablePeriods":2,"derivation":"rfc9497"}"#,
            r#"{"fundingSource":"user-wallet","sku":"s","price":"1","currency":"BAT","keyPeriod":"30 days","redeemablePeriods":2,"derivation":"rfc9497"}"#,
            r#"{"fundingSource":"user-wallet","sku":"s","price":"1","currency":"BAT","keyPeriod":"P30D","redeemablePeriods":0,"derivation":"rfc9497"}"#,
            r#"{"fundingSource":"user-wallet","sku":"s","price":"1","currency":"BAT","keyPeriod":"P30D","redeemablePeriods":2,"derivation":"legacy"}"#,
        ],
    ),
    row(ChallengeBypass, Method::GET, "/v4/issuers/{name}", &[]),
    row(
        ChallengeBypass,
        Method::POST,
        "/v4/issuers/{name}/signatures",
        &[
            r#"{"requestId":"AA==","blindedTokens":[]}"#,
            r#"{"requestId":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","blindedTokens":[]}"#,
            r#"{"requestId":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","blindedTokens":["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]}"#,
        ],
    ),
    row(
        ChallengeBypass,
        Method::POST,
        "/v4/issuers/{name}/keys/rotate",
        &[],
    ),
    row(
        ChallengeBypass,
        Method::POST,
        "/v4/keys/{keyId}/revoke",
        &[],
    ),
    row(
        ChallengeBypass,
        Method::POST,
        "/v4/redemptions",
        &[
            r#"{"payload":"","tokens":[]}"#,
            r#"{"payload":"x","tokens":[{"publicKey":"","t":"","signature":""}]}"#,
            r#"{"payload":"x","tokens":[],"note":1}"#,
        ],
    ),
    row(ChallengeBypass, Method::GET, "/v4/key-directory", &[]),
    row(Tally, Method::GET, "/v1/months", &[]),
    row(Tally, Method::GET, "/v1/months/{month}", &[]),
    row(Tally, Method::GET, "/v1/months/{month}/payouts", &[]),
    row(Tally, Method::GET, "/v1/publishers/{channel}", &[]),
    row(Tally, Method::GET, "/v1/ledger/entries", &[]),
    row(Tally, Method::GET, "/v1/ledger/head", &[]),
    row(Tally, Method::GET, "/v1/directory-heads", &[]),
];
