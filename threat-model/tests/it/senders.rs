//! What is kept of whoever sent a request (U4).

use std::collections::BTreeSet;

use chrono::TimeDelta;
use messages::FundingSource;
use payments::domain::capability::Capabilities;

use super::{
    month::{Month, line::SENDER, logs, needles::Needles},
    world::{VOTES, World, vote_for},
};

/// A request's marks: who sent it, with what, from where.
const MARKS: [(&str, &str); 4] = [
    ("user-agent", "a-browser-like-no-other/7.31"),
    ("x-request-id", "5e1ec7ed-0000-4000-8000-00000000beef"),
    ("x-forwarded-for", "198.51.100.77"),
    ("cookie", "visitor=5e1ec7ed-cookie"),
];

/// Votes and orders with marks on every request.
async fn leave_marks(world: &mut World) {
    let mut hand = world.hand();
    let tokens = world.drive(hand.buy(4)).await.unwrap();
    let body = client::browser::body_of_vote(&tokens, &vote_for("example.com"));
    let layout = world.kit.layout();
    let tls = service_kit::tls::ClientTls {
        ca_file: layout.pki().ca(),
        ..Default::default()
    };
    let client = service_kit::tls::http_client(&tls, std::time::Duration::from_secs(10)).unwrap();
    let url = layout.url(blindtally::system::ServiceName::Payments);
    let sku = layout.sku_token(FundingSource::UserWallet).unwrap();
    let order = serde_json::json!({"items": [{"sku": sku, "quantity": 4}]}).to_string();
    for (path, body) in [("v1/votes", body), ("v1/orders", order)] {
        let mut request = client.post(url.join(path).unwrap()).body(body);
        request = request.header("content-type", "application/json");
        for (name, value) in MARKS {
            request = request.header(name, value);
        }
        assert!(
            request.send().await.unwrap().status().is_success(),
            "{path}"
        );
    }
    drop(hand);
    world.live(TimeDelta::days(1)).await;
}

async fn marked(world: &World) -> BTreeSet<String> {
    let files = world.kit.files().await.unwrap();
    let has_mark = |bytes: &[u8]| {
        MARKS.iter().any(|(_, mark)| {
            bytes
                .windows(mark.len())
                .any(|window| window == mark.as_bytes())
        })
    };
    files
        .iter()
        .filter(|(_, bytes)| has_mark(bytes))
        .map(|(name, _)| name.clone())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn u4_nothing_of_a_requests_sender_is_stored() {
    let mut world = World::start().await;

    leave_marks(&mut world).await;
    world.kit.stop().await.unwrap();

    assert_eq!(marked(&world).await, BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn u4_control_a_user_agent_that_is_kept_is_seen() {
    let mut world = World::start().await;
    leave_marks(&mut world).await;
    let keep = "CREATE TABLE visits (agent TEXT); INSERT INTO visits VALUES ('a-browser-like-no-other/7.31')";
    world.tamper(VOTES, keep).await;
    world.kit.stop().await.unwrap();

    assert!(!marked(&world).await.is_empty());
}
/// What every sender of the month has in its requests, and the address that it has.
fn senders() -> Needles<&'static str> {
    let mut senders = Needles::new();
    for sender in SENDER {
        senders.add_forms(sender.as_bytes(), &sender);
    }
    let [_, _, address] = SENDER;
    let address: std::net::Ipv4Addr = address.parse().unwrap();
    senders.add(&address.to_ipv6_mapped().octets(), &"an address in bytes");
    senders
}

#[tokio::test(flavor = "multi_thread")]
async fn u4_nothing_of_a_months_senders_is_stored_or_logged() {
    let month = Month::of_browsers().await;
    let senders = senders();

    for look in &month.looks {
        for (name, bytes) in &look.files {
            assert_eq!(senders.find(bytes).keys().next(), None, "{name}");
        }
    }
    let log = logs::text();
    assert!(log.len() < logs::LOG_BYTES_MAX, "the log is not whole");
    assert_eq!(senders.find(&log).keys().next(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn u4_control_a_header_that_is_logged_is_seen() {
    const HEADER: &str = "Bearer of-a-name-like-no-other";
    logs::keep();
    let world = World::planted(|planted| {
        planted.payments.capability = |capabilities, order, sent, may, now| {
            tracing::debug!(sent, "a request came");
            Capabilities::check(capabilities, order, sent, may, now)
        };
    })
    .await;
    let (_, name) = HEADER.split_once(' ').unwrap();
    let path = format!("/v1/orders/{}", uuid::Uuid::new_v4());
    world
        .send(&client::transport::Request::get(path).with_capability(name))
        .await;

    let mut senders = Needles::new();
    senders.add(name.as_bytes(), &name);

    assert_eq!(senders.find(&logs::text()).len(), 1);
}
