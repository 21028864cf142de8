//! Orders of other people (T8, T16).

use blindtally::attacks::OpenOrder;
use chrono::{TimeDelta, Utc};
use client::transport::{Answer, Request};
use messages::{FundingSource, payments::Order};
use payments::domain::{
    capability::May,
    macaroons,
    terms::{Line, Terms},
};
use serde_json::json;
use uuid::Uuid;

use super::world::World;

const SOURCE: FundingSource = FundingSource::UserWallet;

/// Every request about an order.
fn requests(order: Uuid, item: Uuid) -> Vec<Request> {
    let path = |end: &str| format!("/v1/orders/{order}{end}");
    let post = |end: &str, body: serde_json::Value| {
        Request::post(path(end), body.to_string().into_bytes())
    };
    let external = json!({"externalTransactionId": Uuid::new_v4()});
    vec![
        Request::get(path("")),
        Request::get(path("/transactions")),
        Request::get(path("/credentials")),
        Request::get(path(&format!("/credentials/{item}"))),
        post("/transactions/uphold", external.clone()),
        post("/transactions/gemini", external),
        post(
            "/transactions/anonymousCard",
            json!({"paymentId": Uuid::new_v4(), "transaction": "e30="}),
        ),
        post(
            "/credentials",
            json!({"itemId": item, "blindedCreds": ["4vKu9qkQDzaG4PL4R1pJTQ1uK9aQTUMElFXMk2EE9gk="]}),
        ),
    ]
}

struct Victim {
    open: OpenOrder,
    item: Uuid,
    capability: String,
}

async fn victim(world: &mut World) -> Victim {
    let mut hand = world.hand();
    let open = world.drive(hand.order(SOURCE, 4)).await.unwrap();
    Victim {
        item: open.order.items.first().unwrap().id,
        capability: open.order.capability.clone().unwrap(),
        open,
    }
}

/// Tries every request with a wrong capability; gives those answers that are not the one refusal.
async fn guess(world: &mut World) -> Vec<Answer> {
    let victim = victim(world).await;
    let other = self::victim(world).await;
    let mut flipped = victim.capability.clone().into_bytes();
    let middle = flipped.get_mut(100).unwrap();
    *middle = if *middle == b'A' { b'B' } else { b'A' };
    let capabilities = [
        None,
        Some(String::new()),
        Some("AgEJYnJhdmUuY29t".to_owned()),
        Some(other.capability.clone()),
        Some(String::from_utf8(flipped).unwrap()),
        Some("A".repeat(4_096)),
    ];
    let unknown = Uuid::new_v4();
    let targets = [(victim.open.order.id, victim.item), (unknown, unknown)];

    let mut others = Vec::new();
    let mut refusal: Option<Vec<u8>> = None;
    for (order, item) in targets {
        for capability in &capabilities {
            for mut request in requests(order, item) {
                if let Some(capability) = capability {
                    request = request.with_capability(capability);
                }
                let answer = world.send(&request).await;
                let same = refusal.get_or_insert_with(|| answer.body.clone());
                if answer.status != http::StatusCode::UNAUTHORIZED || *same != answer.body {
                    others.push(answer);
                }
            }
        }
    }
    others
}

#[tokio::test(flavor = "multi_thread")]
async fn t8_without_the_capability_every_answer_is_the_same_401() {
    let mut world = World::start().await;

    let others = guess(&mut world).await;

    assert!(others.is_empty(), "{others:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn t8_control_a_capability_that_nobody_checks_shows_an_order() {
    let mut world = World::planted(|planted| {
        planted.payments.capability = |capabilities, order, _, may, now| {
            let terms = Terms {
                day: now.date_naive(),
                currency: "BAT".to_owned(),
                total: "1".parse().unwrap(),
                lines: vec![Line {
                    sku: "user-wallet-vote".to_owned(),
                    quantity: 4,
                    price: "0.25".parse().unwrap(),
                }],
            };
            let minted = capabilities.mint(order, &terms).unwrap();
            capabilities.check(order, Some(&minted), may, now)
        };
    })
    .await;

    let others = guess(&mut world).await;

    assert!(others.iter().any(|answer| answer.status.is_success()));
}

/// Adds a caveat to a capability, as its holder can without any secret.
fn narrowed(capability: &str, caveat: &str) -> String {
    macaroons::narrow(capability, &[caveat]).unwrap()
}

/// What a holder who may only read gets when it reads, and when it pays.
async fn use_narrowed(world: &mut World) -> [u16; 4] {
    let victim = victim(world).await;
    let order = victim.open.order.id;
    let read_only = narrowed(&victim.capability, "may = read");
    let past = world.kit.clock().now() - TimeDelta::hours(1);
    let past = past
        .with_timezone(&Utc)
        .to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let expired = narrowed(&victim.capability, &format!("before = {past}"));
    let unknown = narrowed(&victim.capability, "note = hello");

    let read = Request::get(format!("/v1/orders/{order}"));
    let pay = Request::post(
        format!("/v1/orders/{order}/transactions/uphold"),
        json!({"externalTransactionId": Uuid::new_v4()})
            .to_string()
            .into_bytes(),
    );
    let mut statuses = [0; 4];
    let asked = [
        (&read, &read_only),
        (&pay, &read_only),
        (&read, &expired),
        (&read, &unknown),
    ];
    for (status, (request, capability)) in statuses.iter_mut().zip(asked) {
        let request = request.clone().with_capability(capability);
        *status = world.send(&request).await.status.as_u16();
    }
    statuses
}

#[tokio::test(flavor = "multi_thread")]
async fn t8_a_narrowed_capability_allows_what_is_left() {
    let mut world = World::start().await;

    assert_eq!(use_narrowed(&mut world).await, [200, 401, 401, 401]);
}

#[tokio::test(flavor = "multi_thread")]
async fn t8_control_narrowing_that_nobody_reads_allows_everything() {
    let mut world = World::planted(|planted| {
        planted.payments.capability = |capabilities, order, presented, _, _| {
            // As if it were read long ago.
            let then = "2026-01-02T00:00:00Z".parse().unwrap();
            capabilities.check(order, presented, May::Read, then)
        };
    })
    .await;

    let [read, pay, expired, _] = use_narrowed(&mut world).await;

    assert_eq!([read, expired], [200, 200]);
    assert_ne!(pay, 401);
}

/// Orders four tokens under `key`, then eight under the same: whether that gives the first order.
async fn share_a_key(world: &World) -> bool {
    let sku = world.kit.layout().sku_token(SOURCE).unwrap();
    let key = Uuid::new_v4().to_string();
    let order = |quantity: u32| {
        let body = json!({"items": [{"sku": sku, "quantity": quantity}]});
        let mut request = Request::post("/v1/orders", body.to_string().into_bytes());
        request.idempotency_key = Some(key.clone());
        request
    };
    let first = world.send(&order(4)).await;
    let again = world.send(&order(4)).await;
    let other = world.send(&order(8)).await;
    let id = |answer: &Answer| {
        serde_json::from_slice::<Order>(&answer.body)
            .ok()
            .map(|order| order.id)
    };
    assert!(id(&first).is_some() && id(&first) == id(&again));
    id(&first) == id(&other)
}

#[tokio::test(flavor = "multi_thread")]
async fn t16_an_idempotency_key_gives_nobody_elses_order() {
    let world = World::start().await;

    assert!(!share_a_key(&world).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn t16_control_a_key_that_is_not_bound_to_the_body_gives_the_order() {
    let world = World::planted(|planted| {
        planted.payments.idempotency = |key, _| {
            messages::digest::H::new("key")
                .part(key.as_bytes())
                .finish()
        };
    })
    .await;

    assert!(share_a_key(&world).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn t16_keys_are_random_uuids_and_belong_to_orders_only() {
    let mut world = World::start().await;
    let victim = victim(&mut world).await;
    let sku = world.kit.layout().sku_token(SOURCE).unwrap();
    let body = json!({"items": [{"sku": sku, "quantity": 4}]}).to_string();

    for key in [
        "1",
        "order-1",
        "00000000-0000-0000-0000-000000000000",
        "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    ] {
        let mut request = Request::post("/v1/orders", body.clone().into_bytes());
        request.idempotency_key = Some(key.to_owned());
        assert_eq!(world.send(&request).await.status.as_u16(), 400, "{key}");
    }
    for mut request in requests(victim.open.order.id, victim.item) {
        if request.body.is_some() {
            request.idempotency_key = Some(Uuid::new_v4().to_string());
            let request = request.with_capability(&victim.capability);
            assert_eq!(
                world.send(&request).await.status.as_u16(),
                400,
                "{}",
                request.path
            );
        }
    }
}
