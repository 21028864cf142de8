//! One text for one thing: whatever else could be read as the same bytes, or as the same UUID, is refused. Each further
//! form would be a choice of the sender, by which requests can be told apart (threat U3).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use messages::{FundingSource, payments::VoteRequest, problem::Slug};
use payments::domain::macaroons::narrow;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    house::{House, WALLET},
    shop::{Bought, Shop},
};

/// Other texts that a lenient reader takes for the same bytes. `good` must end in padding.
fn variants(good: &str) -> Vec<(&'static str, String)> {
    let unpadded = good.trim_end_matches('=');
    assert_ne!(unpadded, good, "no padding, so nothing to alter");
    let (body, last) = unpadded.split_at(unpadded.len() - 1);
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let next = alphabet.find(last).unwrap() + 1;
    let stray = format!("{body}{}", &alphabet[next..=next]);
    let padding = &good[unpadded.len()..];
    let url_safe = good.replace('+', "-").replace('/', "_");
    let mut variants = vec![
        ("no padding", unpadded.to_owned()),
        ("more padding", format!("{good}=")),
        ("stray bits", format!("{stray}{padding}")),
        ("a line break within", {
            let (a, b) = good.split_at(good.len() / 2);
            format!("{a}\n{b}")
        }),
        ("a line break at the end", format!("{good}\n")),
        ("a space before", format!(" {good}")),
        ("a space at the end", format!("{good} ")),
    ];
    if url_safe != good {
        variants.push(("another alphabet", url_safe));
    }
    variants
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vote_has_one_base64_text_although_its_tokens_sign_another() {
    let house = House::start().await;
    let tokens = house.tokens(WALLET, 2).await;
    // Their texts end in padding of both lengths. No vote's text has a character that alphabets write differently.
    for channel in ["examples.com", "examples1.com"] {
        let text = format!(r#"{{"channel":"{channel}","type":"oneoff-tip"}}"#);
        let good = STANDARD.encode(text);
        for (what, vote) in variants(&good) {
            let credentials = tokens.iter().map(|token| token.sign(&vote)).collect();
            let sent = VoteRequest { vote, credentials };
            let answer = house.post("/v1/votes", &sent).await;
            assert_eq!(answer.slug(), Some(Slug::InvalidVote), "{what}");
            assert_eq!(answer.pointer(), "/vote", "{what}");
        }
    }
    assert_eq!(house.redeemed().await, 0);
    assert_eq!(house.recorded().await, (0, 0));
}

#[tokio::test]
async fn a_sku_token_has_one_text() {
    let shop = Shop::open().await;
    // The other SKU token needs no padding.
    let source = FundingSource::AnonymousCard;

    for (what, sku) in variants(&shop.sku(source)) {
        let body = json!({"items": [{"sku": sku, "quantity": 4}]});
        assert_eq!(shop.place(&body).await.refusal(), "invalid-sku", "{what}");
    }
    assert_eq!(shop.place(&shop.order_body(source, 4)).await.status, 201);
}

#[tokio::test]
async fn a_capability_has_one_text() {
    let shop = Shop::open().await;
    let bought = shop.wallet(4).await;
    let ending = |digits: usize| format!("before = 2027-01-01T00:00:00.{}Z", "0".repeat(digits));
    let narrowed = |digits| narrow(&bought.capability, &[ending(digits).as_str()]).unwrap();
    let padded = |text: &String| text.ends_with('=');
    let good = (1..=3).map(narrowed).find(padded).unwrap();
    let read = |capability: String| {
        let bought = Bought {
            capability,
            ..bought.clone()
        };
        let shop = &shop;
        async move { shop.get(&bought, "").await }
    };

    for (what, capability) in variants(&good) {
        // What stands in a header has no line break, and loses the space at its end.
        if !capability.ends_with(char::is_whitespace) && !capability.contains('\n') {
            assert_eq!(read(capability).await.refusal(), "unauthorized", "{what}");
        }
    }
    assert_eq!(read(good).await.status, 200);
}

#[tokio::test]
async fn a_cards_transfer_has_one_base64_text() {
    let shop = Shop::open().await;
    let card = shop.card().await;
    let bought = shop.buy(FundingSource::AnonymousCard, 4).await;
    let mut body = shop.signed(&card, &bought, |_| ()).await;
    let mut json = STANDARD
        .decode(body["transaction"].as_str().unwrap())
        .unwrap();
    while json.len() % 3 != 1 {
        json.push(b' ');
    }
    let good = STANDARD.encode(json);

    for (what, transaction) in variants(&good) {
        body["transaction"] = json!(transaction);
        let refused = shop.name_card(&bought, &body).await;
        assert_eq!(refused.refusal(), "invalid-transaction", "{what}");
    }
    body["transaction"] = json!(good);
    assert_eq!(shop.name_card(&bought, &body).await.status, 201);
}

/// Other texts of a UUID.
fn other_texts(id: Uuid) -> [String; 4] {
    [
        id.to_string().to_uppercase(),
        id.simple().to_string(),
        id.braced().to_string(),
        id.urn().to_string(),
    ]
}

/// A UUID that upper case changes.
fn lettered() -> Uuid {
    "0b9ac0ea-70c7-4c30-9d54-5a5f2ee6b7a5".parse().unwrap()
}

#[tokio::test]
async fn a_uuid_in_a_body_has_one_text() {
    let shop = Shop::open().await;
    let (for_users, for_cards) = (
        shop.wallet(4).await,
        shop.buy(FundingSource::AnonymousCard, 4).await,
    );
    let card = shop.card().await;
    let signed = shop.signed(&card, &for_cards, |_| ()).await;
    let (_, points) = Shop::points(&for_users);
    let transfer = json!({"externalTransactionId": lettered()});
    let bodies: [(&Bought, &str, &Value, &str); 4] = [
        (
            &for_users,
            "/transactions/uphold",
            &transfer,
            "externalTransactionId",
        ),
        (
            &for_users,
            "/transactions/gemini",
            &transfer,
            "externalTransactionId",
        ),
        (
            &for_cards,
            "/transactions/anonymousCard",
            &signed,
            "paymentId",
        ),
        (&for_users, "/credentials", &points, "itemId"),
    ];

    for (bought, path, good, member) in bodies {
        let id = if path == "/credentials" {
            bought.order.items[0].id
        } else {
            lettered()
        };
        for text in other_texts(id) {
            let mut body = good.clone();
            body[member] = json!(text);
            let refused = shop.post(bought, path, &body).await;
            assert_eq!(refused.refusal(), "invalid-body", "{path} {text}");
            assert_eq!(refused.pointer(), format!("/{member}"), "{path} {text}");
        }
        let mut body = good.clone();
        body[member] = json!(id);
        let answer = shop.post(bought, path, &body).await;
        assert_ne!(answer.refusal(), "invalid-body", "{path}");
    }
}

#[tokio::test]
async fn the_kind_that_existing_clients_send_is_ignored() {
    let shop = Shop::open().await;
    let card = shop.card().await;
    let bought = shop.buy(FundingSource::AnonymousCard, 4).await;
    let mut signed = shop.signed(&card, &bought, |_| ()).await;
    signed["kind"] = json!("anonymous-card");
    assert_eq!(shop.name_card(&bought, &signed).await.status, 201);

    for custodian in ["uphold", "gemini"] {
        let bought = shop.wallet(4).await;
        let id = shop.transfer(custodian, &bought, |_| ()).await;
        for (kind, status) in [(None, 201), (Some("whatever"), 200)] {
            let mut body = json!({"externalTransactionId": id});
            if let Some(kind) = kind {
                body["kind"] = json!(kind);
            }
            let path = format!("/transactions/{custodian}");
            assert_eq!(shop.post(&bought, &path, &body).await.status, status);
        }
    }
}
