//! Every route of every OpenAPI document, and what breaks its rules (P5, A3).
//!
//! A new route needs a row in [`rows`]. Each row names bodies that break a rule of the route; every route with a body
//! is sent what is not JSON, not its JSON, and too much of it, besides.

mod rows;
mod sender;

use std::collections::BTreeSet;

use http::Method;
use messages::problem::Problem;
use serde_json::Value;

use self::{
    rows::{Breaking, PAYMENTS, Row, Server, row, rows},
    sender::{LAYERS, Sender},
};
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

fn rows_of(server: Server) -> BTreeSet<String> {
    let rows = rows().filter(|row| row.server == server);
    rows.map(|row| format!("{} {}", row.method, row.path))
        .collect()
}

async fn document(sender: &Sender<'_>, server: Server) -> Value {
    let openapi = row(server, Method::GET, "/openapi.json", &[]);
    let answer = sender.send(&openapi, openapi.path, None).await;
    serde_json::from_slice(&answer.unwrap().bytes().await.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn p5_every_route_has_a_row() {
    let mut world = World::start().await;
    let sender = Sender::new(&mut world).await;

    for server in Server::all() {
        let document = document(&sender, server).await;
        assert_eq!(operations(&document), rows_of(server), "{server:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p5_control_a_route_without_a_row_is_seen() {
    let mut world = World::start().await;
    let sender = Sender::new(&mut world).await;
    let mut document = document(&sender, PAYMENTS).await;

    let paths = document.get_mut("paths").unwrap().as_object_mut().unwrap();
    paths.insert("/v1/debug".to_owned(), serde_json::json!({"get": {}}));

    assert_ne!(operations(&document), rows_of(PAYMENTS));
}

/// What was sent to which route and not refused as input, with the status.
async fn not_refused(sender: &Sender<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for row in rows().filter(|row| has_body(row)) {
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
            found.extend(refused_otherwise(sender, row, breaking).await);
        }
    }
    found
}

/// What is answered to a body that breaks a rule, when it is not that rule's refusal.
async fn refused_otherwise(
    sender: &Sender<'_>,
    row: &Row,
    (body, slug, what): &Breaking,
) -> Option<String> {
    let path = sender.path(row);
    let sent = Some((*body, "application/json"));
    let answer = sender.send(row, &path, sent).await?;
    let status = answer.status();
    let text = answer.text().await.unwrap();
    let problem = serde_json::from_str::<Problem>(&text).ok();
    let expected = problem.is_some_and(|problem| {
        let said = match problem.invalid.first() {
            Some(one) => one.field == *what,
            None => problem.detail.as_deref().unwrap_or("").contains(what),
        };
        problem.slug() == Some(*slug) && said
    });
    (!expected).then(|| format!("{} {} {body}: {status} {text}", row.method, row.path))
}

#[tokio::test(flavor = "multi_thread")]
async fn p5_what_breaks_a_rule_is_refused_with_a_problem() {
    let mut world = World::start().await;
    let sender = Sender::new(&mut world).await;

    assert_eq!(not_refused(&sender).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn p5_control_a_rule_that_is_gone_is_seen() {
    let mut world = World::planted(|planted| {
        planted.payments.quantity = |quantity, _| u32::try_from(quantity).ok();
    })
    .await;
    let sender = Sender::new(&mut world).await;

    let found = not_refused(&sender).await;

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
    let sender = Sender::new(&mut world).await;

    let found = not_refused(&sender).await;

    let note = |line: &String| line.contains("note") && line.contains("unknown-issuer-key");
    assert!(found.iter().any(note), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p5_control_a_message_that_another_channel_takes_is_seen() {
    let mut world = World::start().await;
    let sender = Sender::with_layers(&mut world, LAYERS - 1).await;

    let found = not_refused(&sender).await;

    let shallow = |line: &String| line.contains("SHALLOW") && line.contains("204 No Content");
    assert!(found.iter().any(shallow), "{found:?}");
}

/// Sends everything to every route, and gives the answers that are the server's fault.
async fn failures(world: &mut World) -> Vec<String> {
    let sender = Sender::new(world).await;
    let mut found = Vec::new();
    for row in rows() {
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
