//! The defaults are those of the contracts: both the settings and the page say each number.

mod measurements;

use std::{collections::BTreeMap, fs, path::Path};

use chrono::TimeDelta;
use star_collector::aggregate::worker::APPENDED_WITHIN;

use self::measurements::{AGGREGATE, CHANNEL, COLLECT, RANDOMNESS};

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::read_to_string(root.join(path)).unwrap()
}

/// The values of a file of settings, by section and name.
fn defaults(file: &str) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    let mut section = String::new();
    for line in read(file).lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = format!("{}.", name.trim_matches(['[', ']']));
        } else if let Some((name, value)) = line.split_once(" = ") {
            values.insert(format!("{section}{name}"), value.to_owned());
        }
    }
    values
}

/// An option, its default, and how the page puts it.
type Rule = (&'static str, &'static str, &'static str);

/// What every service has in common (§1, §8).
const EVERYWHERE: &[Rule] = &[
    ("http.header_timeout_seconds", "10", "headers 10 s"),
    ("http.body_timeout_seconds", "10", "body 10 s"),
    ("http.handler_timeout_seconds", "15", "handler 15 s"),
    (
        "http.requests_in_flight_max",
        "1024",
        "`requests_in_flight_max` | 1,024",
    ),
];

/// What whoever serves clients has in common (§8). challenge-bypass serves one peer.
const PUBLIC: &[Rule] = &[
    (
        "http.connections_per_client_max",
        "64",
        "connections per client | 64",
    ),
    (
        "http.rate_limit.units_per_minute",
        "1200",
        "`rate_limit_units_per_minute`, burst | 1,200, 400",
    ),
];

/// How much of that at once.
const BURST: &[Rule] = &[(
    "http.rate_limit.burst",
    "400",
    "`rate_limit_units_per_minute`, burst | 1,200, 400",
)];

/// §2, §3 and §8.
const PAYMENTS: &[Rule] = &[
    (
        "orders.order_quantities",
        "[4, 8, 20, 40, 80, 200, 400]",
        "`order_quantities` (default 4, 8, 20, 40, 80, 200, 400:",
    ),
    (
        "orders.order_quantity_max",
        "400",
        "`order_quantity_max` | 400",
    ),
    ("orders.order_items_max", "4", "`order_items_max` | 4"),
    (
        "orders.order_transfers_max",
        "100",
        "`order_transfers_max` | 100",
    ),
    (
        "orders.orders_unpaid_max",
        "1000000",
        "`orders_unpaid_max` (1,000,000)",
    ),
    (
        "orders.body_bytes_max",
        "16384",
        "body of orders, transfers | 16 KiB",
    ),
    (
        "transfers.require_transfer_reference",
        "true",
        "`require_transfer_reference`, default on",
    ),
    (
        "transfers.transfer_poll_hours",
        "72",
        "`transfer_poll_hours` = 72",
    ),
    (
        "transfers.timeout_seconds",
        "4",
        "time-out 4 s, ≤ 3 tries, 13 s in all",
    ),
    (
        "transfers.tries_max",
        "3",
        "time-out 4 s, ≤ 3 tries, 13 s in all",
    ),
    (
        "transfers.tries_seconds_max",
        "13",
        "time-out 4 s, ≤ 3 tries, 13 s in all",
    ),
    (
        "credentials.blinded_tokens_max",
        "400",
        "`blinded_tokens_max` | 400",
    ),
    (
        "credentials.body_bytes_max",
        "65536",
        "body of credentials | 64 KiB",
    ),
    (
        "crypto.queue_jobs_per_core",
        "4",
        "`crypto.queue_jobs_per_core` | 4",
    ),
    (
        "retention.unpaid_order_hours",
        "24",
        "`unpaid_order_hours` (24)",
    ),
    (
        "retention.partly_paid_order_days",
        "30",
        "not paid after 30 days: `canceled`",
    ),
    (
        "retention.unclaimed_order_days",
        "365",
        "not claimed for 365 days",
    ),
    (
        "retention.credential_retention_days",
        "30",
        "`credential_retention_days` (30)",
    ),
    (
        "retention.idempotency_hours",
        "24",
        "is kept, for 24 h and at most",
    ),
    (
        "votes.vote_credentials_max",
        "20",
        "`vote_credentials_max` | 20 ",
    ),
    (
        "votes.vote_text_bytes_max",
        "512",
        "`vote_text_bytes_max` | 512",
    ),
    ("votes.body_bytes_max", "16384", "body of votes | 16 KiB"),
    (
        "publication.publication_slots",
        r#"["00:10", "06:10", "12:10", "18:10"]"#,
        "00:10, 06:10, 12:10 and 18:10 UTC (`publication_slots`",
    ),
    (
        "publication.publication_min_votes",
        "50",
        "`publication_min_votes` (50)",
    ),
    (
        "directory.key_notice_hours",
        "24",
        "`key_notice_hours` (24)",
    ),
    (
        "legacy_sku_tokens",
        "[]",
        "`legacy_sku_tokens` may list exact strings whose secret the operator does not hold; empty by default",
    ),
];

/// §4 and §8.
const CHALLENGE_BYPASS: &[Rule] = &[
    ("keys.notice_hours", "24", "`key_notice_hours` (24)"),
    (
        "limits.blinded_tokens_max",
        "400",
        "`blinded_tokens_max` | 400",
    ),
    (
        "crypto.queue_jobs_per_core",
        "4",
        "`crypto.queue_jobs_per_core` | 4",
    ),
    (
        "retention.redeem_grace_days",
        "3",
        "`redeem_grace_days` (3)",
    ),
    (
        "retention.redemption_retention_days",
        "90",
        "`redemption_retention_days` (90)",
    ),
    ("http.tls.client_certificate_required", "true", "mutual TLS"),
];

/// §6.
const TALLY: &[Rule] = &[
    ("closing.grace_days", "3", "`closing_grace_days` (3)"),
    ("closing.fee_basis_points", "500", "Fee (5 %, rounded down)"),
    ("retention.event_id_months", "13", "`event_id_months` = 13"),
];

/// The files of settings, with the rules that are theirs.
const FILES: &[(&str, &[&[Rule]])] = &[
    (
        "payments/config.default.toml",
        &[EVERYWHERE, PUBLIC, BURST, PAYMENTS],
    ),
    (
        "challenge-bypass/config.default.toml",
        &[EVERYWHERE, CHALLENGE_BYPASS],
    ),
    (
        "tally/config.default.toml",
        &[EVERYWHERE, PUBLIC, BURST, TALLY],
    ),
    (
        "star-collector/randomness.default.toml",
        &[EVERYWHERE, PUBLIC, RANDOMNESS],
    ),
    (
        "star-collector/collect.default.toml",
        &[EVERYWHERE, PUBLIC, BURST, CHANNEL, COLLECT],
    ),
    // It answers nobody.
    (
        "star-collector/aggregate.default.toml",
        &[CHANNEL, AGGREGATE],
    ),
];

fn contracts() -> String {
    let page = read("docs/contracts.md");
    page.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_default_is_what_the_contracts_say() {
    let page = contracts();
    for (file, rules) in FILES {
        let defaults = defaults(file);
        for (name, value, words) in rules.iter().copied().flatten() {
            let found = defaults.get(*name).map(String::as_str);
            assert_eq!(found, Some(*value), "{file}: {name}");
            assert!(page.contains(words), "the page does not say: {words}");
        }
    }
}

/// This is no setting: who made it shorter would lose messages that were answered 204.
#[test]
fn an_epoch_is_closed_as_long_after_its_last_message_as_the_contracts_say() {
    assert_eq!(APPENDED_WITHIN, TimeDelta::minutes(10));
    assert!(contracts().contains("An epoch is closed ten minutes after no message of it is taken"));
}

/// What challenge-bypass has forgotten could be redeemed again, so payments remembers the vote for a day longer.
#[test]
fn a_vote_is_remembered_longer_than_its_redemptions() {
    let (payments, challenge_bypass) = (
        defaults("payments/config.default.toml"),
        defaults("challenge-bypass/config.default.toml"),
    );
    let days =
        |service: &BTreeMap<String, String>, name: &str| service[name].parse::<u32>().unwrap();

    let redemptions = days(&challenge_bypass, "retention.redeem_grace_days")
        + days(&challenge_bypass, "retention.redemption_retention_days");

    assert_eq!(
        days(&payments, "votes.vote_retention_days"),
        redemptions + 1
    );
}
