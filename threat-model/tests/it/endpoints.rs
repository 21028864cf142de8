//! Every route of every OpenAPI document, and what breaks its rules (P5, A3).
//!
//! A new route needs a row in [`rows`]. Each row names bodies that break a rule of the route; every route with a body
//! is sent what is not JSON, not its JSON, and too much of it, besides.

mod rows;

use std::{collections::BTreeSet, time::Duration};

use blindtally::system::ServiceName::{self, ChallengeBypass, Payments, Tally};
use http::Method;
use messages::{FundingSource, problem::Problem};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use service_kit::tls::{ClientTls, http_client};

use self::rows::{Breaking, ROWS, Row, row};
use super::world::World;

/// Texts that no route takes for its body.
fn for_every_body() -> Vec<(String, &'static str)> {
    let texts = [
        "",
        "{",
        "null",
        "[]",
        "7",
        "\"text\"",
        "{}",
        "{\"\":{}}",
        "\u{0}",
        "{\"items\":null}",
    ];
    let mut bodies: Vec<(String, &'static str)> = texts
        .iter()
        .map(|text| ((*text).to_owned(), "application/json"))
        .collect();
    bodies.push(("[".repeat(40) + &"]".repeat(40), "application/json"));
    bodies.push((
        format!("{{\"items\":{}1{}}}", "[".repeat(20), "]".repeat(20)),
        "application/json",
    ));
    bodies.push((
        "{\"payload\":".to_owned() + &"9".repeat(5_000) + "}",
        "application/json",
    ));
    bodies.push(("{}".to_owned(), "text/plain"));
    bodies.push((" ".repeat(200 << 10), "application/json"));
    bodies
}

/// Paths that no route with a parameter takes.
const FOR_EVERY_PATH: [&str; 6] = [
    "x",
    "%00",
    "..%2f..",
    "00000000-0000-0000-0000-000000000000",
    "9999-99",
    "%F0%9F%97%B3",
];

/// Who sends: with all rights, so that a refusal is the rule's and not the door's.
struct Sender<'a> {
    world: &'a World,
    /// A browser, and what payments is to challenge-bypass.
    clients: [reqwest::Client; 2],
    order: messages::payments::Order,
}

impl<'a> Sender<'a> {
    async fn new(world: &'a mut World) -> Self {
        let mut hand = world.hand();
        let order = world.drive(hand.order(FundingSource::UserWallet, 4)).await;
        let order = order.unwrap();
        world.drive(hand.pay(&order)).await.unwrap();
        let order = order.order;
        let pki = world.kit.layout().pki();
        let own = pki.identity("payments-client");
        let browser = ClientTls {
            ca_file: pki.ca(),
            ..ClientTls::default()
        };
        let service = ClientTls {
            certificate_file: own.certificate,
            key_file: own.key,
            ..browser.clone()
        };
        let client = |tls| http_client(&tls, Duration::from_secs(20)).unwrap();
        Self {
            world,
            clients: [browser, service].map(client),
            order,
        }
    }

    /// `None`: the connection was closed while the body was sent, which refuses it.
    async fn send(
        &self,
        row: &Row,
        path: &str,
        body: Option<(&str, &str)>,
    ) -> Option<reqwest::Response> {
        let layout = self.world.kit.layout();
        let url = format!(
            "{}{}",
            layout.url(row.service),
            path.trim_start_matches('/')
        );
        let [browser, service] = &self.clients;
        let client = if row.service == ChallengeBypass {
            service
        } else {
            browser
        };
        let mut request = client.request(row.method.clone(), url);
        let bearer = match row.service {
            Tally => layout.tally_token().unwrap().expose_secret().to_owned(),
            Payments => self.order.capability.clone().unwrap(),
            ChallengeBypass | ServiceName::SandboxCustodian => String::new(),
        };
        if !bearer.is_empty() {
            request = request.bearer_auth(bearer);
        }
        if let Some((body, kind)) = body {
            let sku = layout.sku_token(FundingSource::UserWallet).unwrap();
            let item = self.order.items.first().unwrap().id.to_string();
            let body = body.replace("SKU", &sku).replace("ITEM", &item);
            request = request.header("content-type", kind).body(body);
        }
        request.send().await.ok()
    }

    /// The path with what belongs in it.
    fn path(&self, row: &Row) -> String {
        let order = self.order.id.to_string();
        let item = self.order.items.first().unwrap().id.to_string();
        row.path
            .replace("{orderId}", &order)
            .replace("{itemId}", &item)
            .replace("{name}", "brave.com%3Fsku=user-wallet-vote")
            .replace("{keyId}", "00000000000000000000000000000000")
            .replace("{month}", "2026-01")
            .replace("{channel}", "example.com")
    }
}

fn has_body(row: &Row) -> bool {
    !row.breaking.is_empty()
}

/// `method path` of every operation of an OpenAPI document.
fn operations(document: &Value) -> BTreeSet<String> {
    let paths = document.get("paths").and_then(Value::as_object).unwrap();
    let operations = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().keys();
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    operations.collect()
}

fn rows_of(service: ServiceName) -> BTreeSet<String> {
    let rows = ROWS.iter().filter(|row| row.service == service);
    rows.map(|row| format!("{} {}", row.method, row.path))
        .collect()
}

async fn document(sender: &Sender<'_>, service: ServiceName) -> Value {
    let openapi = row(service, Method::GET, "/openapi.json", &[]);
    let answer = sender.send(&openapi, openapi.path, None).await;
    serde_json::from_slice(&answer.unwrap().bytes().await.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn p5_every_route_has_a_row() {
    let mut world = World::start().await;
    let sender = Sender::new(&mut world).await;

    for service in [Payments, ChallengeBypass, Tally] {
        let document = document(&sender, service).await;
        assert_eq!(operations(&document), rows_of(service), "{service}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p5_control_a_route_without_a_row_is_seen() {
    let mut world = World::start().await;
    let sender = Sender::new(&mut world).await;
    let mut document = document(&sender, Payments).await;

    let paths = document.get_mut("paths").unwrap().as_object_mut().unwrap();
    paths.insert("/v1/debug".to_owned(), serde_json::json!({"get": {}}));

    assert_ne!(operations(&document), rows_of(Payments));
}

/// What was sent to which route and not refused as input, with the status.
async fn not_refused(world: &mut World) -> Vec<String> {
    let sender = Sender::new(world).await;
    let mut found = Vec::new();
    for row in ROWS.iter().filter(|row| has_body(row)) {
        for (body, kind) in for_every_body() {
            let answer = sender
                .send(row, &sender.path(row), Some((&body, kind)))
                .await;
            let Some(answer) = answer else {
                continue;
            };
            let status = answer.status();
            let problem = answer
                .headers()
                .get("content-type")
                .is_some_and(|kind| kind == "application/problem+json");
            if !status.is_client_error() || !problem {
                let start: String = body.chars().take(60).collect();
                found.push(format!("{} {} {start}: {status}", row.method, row.path));
            }
        }
        for breaking in row.breaking {
            found.extend(refused_otherwise(&sender, row, breaking).await);
        }
    }
    found
}

/// What is answered to a body that breaks a rule, when it is not that rule's refusal.
async fn refused_otherwise(
    sender: &Sender<'_>,
    row: &Row,
    (body, slug, pointer): &Breaking,
) -> Option<String> {
    let path = sender.path(row);
    let sent = Some((*body, "application/json"));
    let answer = sender.send(row, &path, sent).await?;
    let status = answer.status();
    let text = answer.text().await.unwrap();
    let problem = serde_json::from_str::<Problem>(&text).ok();
    let expected = problem.is_some_and(|problem| {
        let first = problem.invalid.first();
        problem.slug() == Some(*slug) && first.map_or("", |one| one.field.as_str()) == *pointer
    });
    (!expected).then(|| format!("{} {} {body}: {status} {text}", row.method, row.path))
}

#[tokio::test(flavor = "multi_thread")]
async fn p5_what_breaks_a_rule_is_refused_with_a_problem() {
    let mut world = World::start().await;

    assert_eq!(not_refused(&mut world).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn p5_control_a_rule_that_is_gone_is_seen() {
    let mut world = World::planted(|planted| {
        planted.payments.quantity = |quantity, _| u32::try_from(quantity).ok();
    })
    .await;

    let found = not_refused(&mut world).await;

    assert!(
        found.iter().any(|line| line.contains("201 Created")),
        "{found:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn p5_control_a_rule_that_is_gone_is_seen_although_another_refuses() {
    let mut world = World::planted(|planted| {
        planted.payments.votes.unknown_members_are_refused = || false;
    })
    .await;

    let found = not_refused(&mut world).await;

    let note = |line: &String| line.contains("note") && line.contains("unknown-issuer-key");
    assert!(found.iter().any(note), "{found:?}");
}

/// Sends everything to every route, and gives the answers that are the server's fault.
async fn failures(world: &mut World) -> Vec<String> {
    let sender = Sender::new(world).await;
    let mut found = Vec::new();
    for row in ROWS {
        for path in odd_paths(row) {
            let body = has_body(row).then_some(("{}", "application/json"));
            found.extend(failure(&sender, row, &path, body).await);
        }
        let path = sender.path(row);
        found.extend(failure(&sender, row, &path, None).await);
        if row.method != Method::GET {
            let own = row.breaking.iter();
            let own = own.map(|(body, ..)| ((*body).to_owned(), "application/json"));
            for (body, kind) in for_every_body().into_iter().chain(own) {
                found.extend(failure(&sender, row, &path, Some((&body, kind))).await);
            }
        }
    }
    found
}

async fn failure(
    sender: &Sender<'_>,
    row: &Row,
    path: &str,
    body: Option<(&str, &str)>,
) -> Option<String> {
    let status = sender.send(row, path, body).await?.status();
    let failed = status.is_server_error();
    failed.then(|| {
        format!(
            "{} {path} {:?}: {status}",
            row.method,
            body.map(|(body, _)| body.len())
        )
    })
}

/// The route's path with what does not belong in it.
fn odd_paths(row: &Row) -> Vec<String> {
    let Some((start, rest)) = row.path.split_once('{') else {
        let ends = ["?after=-1", "?after=x&after=y", "?%00=%ff", "/"];
        return ends.map(|end| format!("{}{end}", row.path)).to_vec();
    };
    let (_, end) = rest.split_once('}').unwrap();
    let end = if end.contains('{') { "" } else { end };
    FOR_EVERY_PATH
        .map(|odd| format!("{start}{odd}{end}"))
        .to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_no_request_makes_a_service_fail() {
    let mut world = World::start().await;

    assert_eq!(failures(&mut world).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_control_a_handler_that_panics_is_seen() {
    let mut world = World::planted(|planted| {
        planted.payments.votes.directory_headers = |_| panic!("a planted panic");
    })
    .await;

    let found = failures(&mut world).await;

    assert!(
        found.iter().any(|line| line.contains("/v1/key-directory")),
        "{found:?}"
    );
}
