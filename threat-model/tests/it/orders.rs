//! Ordering what is not sold: quantities, prices, SKU tokens (T10, T17, A1, P9, G5).

use base64::{Engine as _, prelude::BASE64_STANDARD};
use blindtally::{attacks::Attack, system::ServiceName};
use client::transport::Request;
use messages::{
    FundingSource,
    problem::{Problem, Slug},
    vote_text::VoteType,
};
use payments::domain::{
    macaroons::{self, RootKey, Unverified},
    sku::Sku,
};
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::world::{World, assert_refused, assert_succeeded, vote_for};

#[tokio::test(flavor = "multi_thread")]
async fn t10_quantities_that_are_not_sold_are_refused() {
    let mut world = World::start().await;

    assert_refused(&world.attack(Attack::NegativeQuantities).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn t10_control_a_quantity_that_nobody_checks_is_sold() {
    let mut world = World::planted(|planted| {
        planted.payments.quantity = |quantity, _| u32::try_from(quantity).ok();
    })
    .await;

    assert_succeeded(&world.attack(Attack::NegativeQuantities).await);
}

/// Orders with this SKU token, and gives the status.
async fn order(world: &World, sku: &str, quantity: u32) -> u16 {
    let body = json!({"items": [{"sku": sku, "quantity": quantity}]});
    let request = Request::post("/v1/orders", body.to_string().into_bytes());
    world.send(&request).await.status.as_u16()
}

fn sold(world: &World) -> String {
    let source = FundingSource::UserWallet;
    world.kit.layout().sku_token(source).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn t17_an_uncommon_size_is_not_sold() {
    let world = World::start().await;

    for quantity in [1, 3, 5, 39, 41, 397, 401] {
        assert_eq!(
            order(&world, &sold(&world), quantity).await,
            400,
            "{quantity}"
        );
    }
    for quantity in [4, 8, 20, 40, 80, 200, 400] {
        assert_eq!(
            order(&world, &sold(&world), quantity).await,
            201,
            "{quantity}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t17_control_a_shop_with_every_size_sells_397() {
    let world = World::with_payments(|payments| {
        payments.set("orders.order_quantities", "[4, 397]");
    })
    .await;

    assert_eq!(order(&world, &sold(&world), 397).await, 201);
}

/// The numbers of tokens of the votes that a browser with 20 tokens casts for one publisher.
async fn vote_sizes(world: &mut World) -> Vec<u64> {
    let bought = world.kit.buy("anna", FundingSource::UserWallet, 20).await;
    let mut browser = bought.unwrap();
    world
        .kit
        .vote(&mut browser, &[("example.com", 1)])
        .await
        .unwrap();
    drop(browser);
    world.live(chrono::TimeDelta::days(1)).await;
    let events = world.events().await;
    let tallies = events.iter().map(|event| event.vote_tally.unsigned_abs());
    tallies.collect()
}

fn are_common(sizes: &[u64]) -> bool {
    sizes.iter().all(|size| [1, 2, 4, 8, 16].contains(size))
}

#[tokio::test(flavor = "multi_thread")]
async fn t17_a_browser_splits_its_votes_into_common_sizes() {
    let mut world = World::start().await;

    let sizes = vote_sizes(&mut world).await;

    assert_eq!(sizes.iter().sum::<u64>(), 20);
    assert!(sizes.len() > 1 && are_common(&sizes), "{sizes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn t17_control_a_vote_with_all_of_a_purchase_shows_its_size() {
    let mut world = World::start().await;
    let mut hand = world.hand();
    let tokens = world.drive(hand.buy(20)).await.unwrap();
    world
        .drive(hand.vote(&tokens, &vote_for("example.com")))
        .await
        .unwrap();
    drop(hand);
    world.live(chrono::TimeDelta::days(1)).await;

    let events = world.events().await;
    let sizes: Vec<u64> = events
        .iter()
        .map(|event| event.vote_tally.unsigned_abs())
        .collect();

    assert!(!are_common(&sizes), "{sizes:?}");
}

/// Macaroons of every bad sort, made from a good one.
fn bad_macaroons(good: &str) -> Vec<(&'static str, String)> {
    let bytes = BASE64_STANDARD.decode(good).unwrap();
    let altered = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bytes.clone();
        change(&mut bytes);
        BASE64_STANDARD.encode(bytes)
    };
    let read = Unverified::decode(good).unwrap().content().clone();
    let foreign = macaroons::mint(&read, &RootKey::new([7; 32])).unwrap();
    let many: Vec<String> = (0..500).map(|n| format!("note = {n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let long = format!("note = {}", "a".repeat(8 << 10));
    vec![
        ("empty", String::new()),
        ("not base64", "§§§§".to_owned()),
        (
            "url-safe base64",
            good.replace('+', "-")
                .replace('/', "_")
                .trim_end_matches('=')
                .to_owned()
                + "-_",
        ),
        ("another form", BASE64_STANDARD.encode(b"{\"v\":2}")),
        (
            "version 1",
            altered(&|bytes| *bytes.first_mut().unwrap() = 1),
        ),
        (
            "truncated",
            altered(&|bytes| bytes.truncate(bytes.len() / 2)),
        ),
        (
            "signature flipped",
            altered(&|bytes| *bytes.last_mut().unwrap() ^= 1),
        ),
        (
            "a byte flipped",
            altered(&|bytes| *bytes.get_mut(20).unwrap() ^= 1),
        ),
        ("longer", altered(&|bytes| bytes.push(0))),
        ("8 KiB", macaroons::narrow(good, &[&long]).unwrap()),
        ("another root", foreign),
        (
            "hundreds of caveats",
            macaroons::narrow(good, &many).unwrap(),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_a_bad_macaroon_buys_nothing() {
    let world = World::start().await;

    for (name, macaroon) in bad_macaroons(&sold(&world)) {
        let body = json!({"items": [{"sku": macaroon, "quantity": 4}]});
        let request = Request::post("/v1/orders", body.to_string().into_bytes());
        let answer = world.send(&request).await;
        let problem: Problem = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(problem.slug(), Some(Slug::InvalidSku), "{name}");
    }
    assert_eq!(order(&world, &"A".repeat(20 << 10), 4).await, 413);
    let body = json!({"items": [{"sku": "A".repeat(1 << 20), "quantity": 4}]});
    let mebibyte = Request::post("/v1/orders", body.to_string().into_bytes());
    // The connection may be closed while the rest of the body is still on its way.
    let answer = world.payments().send(&mebibyte).await;
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status == 413));
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_control_a_bad_macaroon_that_the_shop_lists_buys() {
    let flipped = |world: &World| {
        let bad = bad_macaroons(&sold(world)).into_iter();
        let (_, flipped) = bad
            .into_iter()
            .find(|(name, _)| *name == "signature flipped")
            .unwrap();
        flipped
    };
    let mut world = World::start().await;
    let bad = flipped(&world);
    assert_eq!(order(&world, &bad, 4).await, 400);
    world.stop(&[ServiceName::Payments]).await;
    let mut listing = super::world::profile();
    listing
        .payments
        .set("legacy_sku_tokens", format!("[{bad:?}]"));
    world
        .kit
        .plant(listing, blindtally::system::Planted::default());
    world.kit.restart().await.unwrap();

    assert_eq!(order(&world, &bad, 4).await, 201);
}

/// A SKU of the same form that is not configured, under the shop's own root secret.
fn unconfigured(world: &World) -> String {
    let secret = world.kit.layout().pki().secret("payments-sku-root");
    let secret = secret.read_text().unwrap();
    let sku = Sku {
        name: "premium-vote".to_owned(),
        price: "1".parse().unwrap(),
        currency: "BAT".to_owned(),
        description: String::new(),
        funding_source: FundingSource::UserWallet,
        on_sale: true,
    };
    sku.mint(&RootKey::from_secret(secret.expose_secret().as_bytes()))
        .unwrap()
}

/// A second SKU: the built-in ones with it are what the shop sells.
fn with_premium(payments: &mut blindtally::system::Settings) {
    let sku = |name: &str, price: &str, source: &str| {
        format!(
            "{{ name = \"{name}\", price = \"{price}\", currency = \"BAT\", description = \"\", \
             funding_source = \"{source}\", key_period = \"P30D\", redeemable_periods = 2 }}"
        )
    };
    let skus = [
        sku("user-wallet-vote", "0.25", "user-wallet"),
        sku("anon-card-vote", "0.25", "anonymous-card"),
        sku("premium-vote", "1", "user-wallet"),
    ];
    payments.set("skus", format!("[{}]", skus.join(", ")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_p9_a_well_made_macaroon_for_what_is_not_sold_buys_nothing() {
    let world = World::start().await;

    let status = order(&world, &unconfigured(&world), 4).await;

    assert!((400..500).contains(&status), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_p9_control_the_same_macaroon_buys_where_it_is_sold() {
    let world = World::with_payments(with_premium).await;

    assert_eq!(order(&world, &unconfigured(&world), 4).await, 201);
}

/// Buys and casts four votes of the second SKU; gives the value of the event.
async fn use_second_sku(world: &mut World) -> anyhow::Result<Vec<String>> {
    let mut hand = world.hand();
    hand.shop
        .skus
        .insert(FundingSource::UserWallet, unconfigured(world));
    let tokens = world.drive(hand.buy(4)).await?;
    let mut text = vote_for("example.com");
    text.kind = VoteType::RecurringTip;
    world.drive(hand.vote(&tokens, &text)).await?;
    drop(hand);
    world.live(chrono::TimeDelta::days(1)).await;
    let events = world.events().await;
    Ok(events
        .iter()
        .map(|event| event.base_vote_value.clone())
        .collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn g5_a_second_sku_is_configuration() {
    let mut world = World::with_payments(with_premium).await;

    assert_eq!(use_second_sku(&mut world).await.unwrap(), ["1"]);
    assert!(
        world
            .kit
            .system()
            .layout()
            .ready_url(ServiceName::Payments)
            .starts_with("http")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn g5_control_without_the_configuration_there_is_no_second_sku() {
    let mut world = World::start().await;

    assert!(use_second_sku(&mut world).await.is_err());
}
