//! A custodian that answers whatever a test wants, in place of the sandbox: lies, and no answers at all.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Body, extract::Request, response::Response, routing::any};
use blindtally::system::ServiceName;
use clock::Clock;
use messages::{
    FundingSource,
    payments::{OrderStatus, Transaction},
};
use serde_json::{Value, json};
use service_kit::{Running, Service, service::HttpSettings};
use uuid::Uuid;

use crate::{
    house::Wish,
    shop::{Bought, Shop},
};

/// What the custodian answers to a request for this path.
type Says = Arc<Mutex<Box<dyn Fn(&str) -> Response + Send>>>;

/// The custodian.
struct Teller {
    says: Says,
    /// The paths that were asked for, in order.
    asked: Arc<Mutex<Vec<String>>>,
    _running: Running,
}

impl Teller {
    /// Takes the sandbox's place.
    async fn instead_of_the_sandbox(shop: &mut Shop) -> Self {
        shop.stop_custodian().await;
        let name = ServiceName::SandboxCustodian;
        let layout = &shop.house.layout;
        let identity = layout.pki().identity(name.as_str());
        let mut http = HttpSettings::loopback();
        http.listen = layout.listen(name).api;
        http.admin_listen.set_port(0);
        http.tls.certificate_file = identity.certificate;
        http.tls.key_file = identity.key;

        let nothing = |_: &str| told(500, String::new());
        let says: Says = Arc::new(Mutex::new(Box::new(nothing)));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (saying, asking) = (Arc::clone(&says), Arc::clone(&asked));
        let answer = move |request: Request| {
            let path = request.uri().path().to_owned();
            let answer = saying.lock().unwrap()(&path);
            asking.lock().unwrap().push(path);
            async move { answer }
        };
        let api = Router::new().route("/{*path}", any(answer));
        let service = Service::new("teller", api, http, Clock::system());
        Self {
            says,
            asked,
            _running: service.start().await.unwrap(),
        }
    }

    fn says(&self, says: impl Fn(&str) -> Response + Send + 'static) {
        *self.says.lock().unwrap() = Box::new(says);
    }

    /// The paths that were asked for since the last time.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

fn told(status: u16, body: String) -> Response {
    let answer = Response::builder().status(status);
    // Where the truth is told to whoever follows.
    let answer = answer.header("location", "/truth");
    answer.body(Body::from(body)).unwrap()
}

/// A transfer of an Uphold user or of a card, as Uphold tells of it.
fn uphold(id: &str, message: Uuid, destination: &str, status: &str) -> Value {
    json!({
        "id": id, "status": status, "message": message, "createdAt": "2026-01-05T12:00:00Z",
        "destination": {
            "node": {"type": "card", "id": destination}, "currency": "BAT", "amount": "10",
        },
    })
}

fn gemini(reference: Uuid, destination: &str) -> Value {
    json!({
        "result": "OK", "tx_ref": reference, "amount": "10", "currency": "BAT",
        "destination": destination, "status": "Completed", "reason": null,
    })
}

/// Changes a member of an answer.
type Lie = (&'static str, Value);

fn lying(truth: &Value, (pointer, value): &Lie) -> Value {
    let mut answer = truth.clone();
    *answer.pointer_mut(pointer).unwrap() = value.clone();
    answer
}

async fn transactions(shop: &Shop, bought: &Bought) -> Vec<Transaction> {
    shop.get(bought, "/transactions").await.read(200)
}

/// The settings of payments in tests whose custodian fails often.
fn patient() -> Wish {
    Wish {
        settings: vec![("transfers.breaker_failures", "1000".to_owned())],
        ..Wish::default()
    }
}

#[tokio::test]
async fn what_either_custodian_says_of_another_transfer_is_not_believed() {
    let mut shop = Shop::with(patient()).await;
    let teller = Teller::instead_of_the_sandbox(&mut shop).await;
    let addresses = shop.config.custodians.clone();
    let invalid = "custodian-answer-invalid";

    for custodian in ["uphold", "gemini"] {
        let bought = shop.wallet(40).await;
        let reference = bought.order.transfer_reference;
        let (id, truth, members) = if custodian == "uphold" {
            let id = Uuid::new_v4();
            let to = &addresses.uphold.settlement_address;
            let truth = uphold(&id.to_string(), reference, to, "completed");
            let members = ["/id", "/destination/node/id", "/destination/currency"];
            (id, truth, members)
        } else {
            let to = &addresses.gemini.settlement_address;
            let members = ["/tx_ref", "/destination", "/currency"];
            (reference, gemini(reference, to), members)
        };
        // Gemini knows a payment by its reference: another id is another order's reference.
        let other_id = if custodian == "uphold" {
            invalid
        } else {
            "transfer-not-for-this-order"
        };
        let [of, to, currency] = members;
        let lies = [
            ((of, json!(Uuid::new_v4())), other_id),
            ((to, json!("payer")), "wrong-destination"),
            ((currency, json!("USD")), "wrong-currency"),
        ];
        for (lie, slug) in lies {
            let answer = lying(&truth, &lie);
            teller.says(move |_| told(200, answer.to_string()));
            let refused = shop.name(custodian, &bought, id).await;
            assert_eq!(refused.refusal(), slug, "{custodian} {lie:?}");
        }
        let whole = truth.to_string();
        let endless = format!("{whole}{}", " ".repeat(64 << 10));
        for (status, body) in [
            (200, "<html>".to_owned()),
            (200, format!("{whole}{whole}")),
            (200, endless),
            (301, whole.clone()),
            (302, whole.clone()),
            (307, whole.clone()),
            (204, String::new()),
        ] {
            let truth = whole.clone();
            teller.says(move |path| match path {
                "/truth" => told(200, truth.clone()),
                _ => told(status, body.clone()),
            });
            let refused = shop.name(custodian, &bought, id).await;
            assert_eq!(refused.refusal(), invalid, "{custodian} {status}");
        }
        assert!(!teller.asked().contains(&"/truth".to_owned()));
        assert_eq!(transactions(&shop, &bought).await.len(), 0);

        teller.says(move |_| told(200, whole.clone()));
        assert_eq!(shop.name(custodian, &bought, id).await.status, 201);
        assert_eq!(shop.status(&bought).await, OrderStatus::Paid);
    }
}

/// An order for cards, the signed transfer that pays it, and what the custodian would truly quote.
async fn by_card(shop: &Shop, card: &crate::shop::Card, id: &str) -> (Bought, Value, Value) {
    let bought = shop.buy(FundingSource::AnonymousCard, 40).await;
    let signed = shop.signed(card, &bought, |_| ()).await;
    let ours = &shop.config.custodians.anonymous_card.settlement_address;
    let reference = bought.order.transfer_reference;
    let quote = uphold(id, reference, ours, "pending");
    (bought, signed, quote)
}

fn completed(quote: &Value) -> Value {
    lying(quote, &("/status", json!("completed")))
}

#[tokio::test]
async fn a_quote_of_something_else_than_was_signed_is_never_committed() {
    let mut shop = Shop::with(patient()).await;
    let card = shop.card().await;
    let teller = Teller::instead_of_the_sandbox(&mut shop).await;
    let (bought, signed, quote) = by_card(&shop, &card, "the-quote").await;
    for lie in [
        ("/destination/amount", json!("9.99")),
        ("/destination/amount", json!("10.01")),
        ("/destination/amount", json!("1000")),
        ("/destination/currency", json!("USD")),
        ("/destination/node/id", json!("payer")),
        ("/id", json!("")),
        ("/id", json!("q".repeat(65))),
    ] {
        let answer = lying(&quote, &lie);
        teller.says(move |_| told(200, answer.to_string()));

        let refused = shop.name_card(&bought, &signed).await;

        assert_eq!(refused.refusal(), "custodian-answer-invalid", "{lie:?}");
        let asked = teller.asked();
        assert_eq!(asked, [format!("/v0/me/cards/{}/transactions", card.id)]);
        assert_eq!(transactions(&shop, &bought).await.len(), 0, "{lie:?}");
    }

    let long = lying(&quote, &("/id", json!("q".repeat(64))));
    let carried_out = completed(&long);
    teller.says(move |path| {
        let is_commit = path.ends_with("/commit");
        told(
            200,
            if is_commit { &carried_out } else { &long }.to_string(),
        )
    });
    assert_eq!(shop.name_card(&bought, &signed).await.status, 201);
    assert_eq!(shop.status(&bought).await, OrderStatus::Paid);
}

#[tokio::test]
async fn a_commit_that_tells_of_another_transfer_pays_nothing() {
    let mut shop = Shop::with(patient()).await;
    let card = shop.card().await;
    let teller = Teller::instead_of_the_sandbox(&mut shop).await;
    for (number, lie) in [
        ("/id", json!("another-quote")),
        ("/destination/currency", json!("USD")),
        ("/destination/node/id", json!("payer")),
    ]
    .into_iter()
    .enumerate()
    {
        let (bought, signed, quote) = by_card(&shop, &card, &format!("quote-{number}")).await;
        let truth = completed(&quote);
        let lied = lying(&truth, &lie);
        teller.says(move |path| {
            let is_commit = path.ends_with("/commit");
            told(200, if is_commit { &lied } else { &quote }.to_string())
        });

        let refused = shop.name_card(&bought, &signed).await;

        assert_eq!(refused.refusal(), "custodian-answer-invalid", "{lie:?}");
        assert_eq!(shop.status(&bought).await, OrderStatus::Pending, "{lie:?}");
        // Its id is known, so that the truth is found out.
        teller.says(move |_| told(200, truth.to_string()));
        assert_eq!(shop.name_card(&bought, &signed).await.status, 200);
        assert_eq!(shop.status(&bought).await, OrderStatus::Paid, "{lie:?}");
    }
}

#[tokio::test]
async fn a_custodian_that_is_down_is_left_alone_for_a_while_and_the_other_one_is_not() {
    let mut shop = Shop::with(Wish {
        settings: vec![
            ("transfers.breaker_failures", "2".to_owned()),
            ("transfers.breaker_seconds", "2".to_owned()),
            ("transfers.tries_max", "1".to_owned()),
        ],
        ..Wish::default()
    })
    .await;
    let teller = Teller::instead_of_the_sandbox(&mut shop).await;
    let bought = shop.wallet(40).await;
    let id = Uuid::new_v4();
    let name = async || shop.name("uphold", &bought, id).await;

    for asked in [1, 1, 0, 0] {
        assert_eq!(name().await.refusal(), "custodian-unavailable");
        assert_eq!(teller.asked().len(), asked);
    }
    let reference = bought.order.transfer_reference;
    let other = shop.name("gemini", &bought, reference).await;
    assert_eq!(other.refusal(), "custodian-unavailable");
    assert_eq!(teller.asked().len(), 1, "the other one is asked");

    let ours = &shop.config.custodians.uphold.settlement_address;
    let truth = uphold(&id.to_string(), reference, ours, "completed");
    teller.says(move |_| told(200, truth.to_string()));
    assert_eq!(name().await.refusal(), "custodian-unavailable");
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert_eq!(name().await.status, 201);
}
