//! What everybody may read.

use ed25519_dalek::SigningKey;
use messages::{
    directory::{Directory, check_chain},
    payments::AnonymitySets,
};

use crate::house::{House, Wish};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_directory_is_whole_signed_and_the_same_for_everybody() {
    let mut house = House::start().await;
    house.simulation.run_for(chrono::TimeDelta::days(31)).await;

    let answer = house.get("/v1/key-directory").await;
    let again = house.get("/v1/key-directory/").await;

    let directory: Directory = serde_json::from_slice(&answer.body).unwrap();
    let secret = house
        .layout
        .pki()
        .secret("payments-directory")
        .read_key()
        .unwrap();
    let key = SigningKey::from_bytes(&secret).verifying_key();
    assert_eq!(check_chain(&directory.entries), Ok(()));
    assert_eq!(directory.heads.len(), 32, "one on each day");
    assert!(directory.heads.iter().all(|head| head.is_signed_by(&key)));
    assert!(
        directory.entries.len() > 2,
        "the issuers got their second keys"
    );
    assert_eq!(again.body, answer.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_directory_leaves_nothing_that_a_client_could_be_known_by() {
    let house = House::start().await;

    let plain = house.get("/v1/key-directory").await;
    let conditional = house
        .get_with("/v1/key-directory", ("if-none-match", "*"))
        .await;
    let dated = house
        .get_with(
            "/v1/key-directory",
            ("if-modified-since", "Fri, 01 Jan 2100 00:00:00 GMT"),
        )
        .await;

    for answer in [&plain, &conditional, &dated] {
        assert_eq!((answer.status, &answer.body), (200, &plain.body));
        for validator in ["etag", "last-modified", "set-cookie"] {
            assert!(!answer.headers.contains_key(validator), "{validator}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_rule_a_validator_would_be_seen() {
    let mut wish = Wish::default();
    wish.rules.votes.directory_headers = |_| {
        http::HeaderMap::from_iter([(http::header::ETAG, http::HeaderValue::from_static("\"1\""))])
    };
    let house = House::with(wish).await;

    assert!(
        house
            .get("/v1/key-directory")
            .await
            .headers
            .contains_key("etag")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn anonymity_sets_and_health_are_answered_in_their_own_forms() {
    let house = House::start().await;

    let sets = house.get("/v1/anonymity-sets").await;
    let health = house.get("/health-check").await;

    let sets: AnonymitySets = serde_json::from_slice(&sets.body).unwrap();
    assert!(sets.keys.is_empty(), "no order was signed yet");
    assert_eq!(health.body, br#"{"status":"ok"}"#);
    assert_eq!(house.admin("/readyz").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn anonymity_sets_are_rounded_after_summing_and_stand_still_for_an_hour() {
    let mut house = House::start().await;
    let directory = house.get("/v1/key-directory").await;
    let directory: Directory = serde_json::from_slice(&directory.body).unwrap();
    let key = directory.entries[0].issuer_key().unwrap().key_id;
    house.signed_orders(key, "2026-01-04", 5).await;
    house.signed_orders(key, "2026-01-05", 6).await;
    house
        .signed_orders(messages::KeyId::from_bytes([7; 16]), "2026-01-05", 6)
        .await;

    let first = anonymity_sets(&house).await;
    house.signed_orders(key, "2026-01-06", 100).await;
    let same_hour = anonymity_sets(&house).await;
    house.simulation.run_for(chrono::TimeDelta::hours(1)).await;
    let next_hour = anonymity_sets(&house).await;

    let [set] = &*first.keys else {
        panic!("one key of the directory signed: {first:?}")
    };
    assert_eq!(
        (set.key_id, set.funding_source),
        (
            key,
            directory.entries[0].issuer_key().unwrap().funding_source
        )
    );
    let days: Vec<_> = set
        .days
        .iter()
        .map(|day| (day.day.to_string(), day.orders))
        .collect();
    assert_eq!(
        days,
        [("2026-01-04".to_owned(), 4), ("2026-01-05".to_owned(), 4)]
    );
    assert_eq!(set.orders_total, 8);
    assert_eq!(same_hour.keys[0].orders_total, 8);
    assert_eq!(next_hour.keys[0].orders_total, 64);
}

async fn anonymity_sets(house: &House) -> AnonymitySets {
    let answer = house.get("/v1/anonymity-sets").await;
    serde_json::from_slice(&answer.body).unwrap()
}
