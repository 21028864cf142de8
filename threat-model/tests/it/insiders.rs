//! Whoever holds the database of one service (T9, T15).

use std::slice;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use blindtally::system::ServiceName;
use challenge_bypass::{Rules, open_store, rewrap::sealer};
use challenge_bypass_ristretto::voprf::{SigningKey, TokenPreimage};
use chrono::TimeDelta;
use client::{browser::body_of_vote, tokens::Unspent, transport::Request};
use messages::{KeyId, PublicKey, encoding::Fixed};
use rand::{RngCore as _, rngs::OsRng};
use serde_json::json;
use sha2::Sha512;
use tally::{
    domain::{HeadKey, LedgerHead},
    verify::{NotVerified, Verified, verify},
};

use super::world::{REGISTRY, TALLY, World, vote_for};

/// A token that nobody paid for, under what the insider takes for a signing key.
fn mint(secret: &SigningKey, key: PublicKey) -> Option<Unspent> {
    let mut preimage = [0; 64];
    OsRng.fill_bytes(&mut preimage);
    let preimage = TokenPreimage::from_bytes(&preimage).ok()?;
    let token = secret.rederive_unblinded_token_rfc::<Sha512>(&preimage);
    let token = BASE64_STANDARD.encode(token.ok()?.to_bytes());
    serde_json::from_value(json!({"key": key, "token": token})).ok()
}

/// Whether a vote with the token is counted.
async fn counts(world: &World, token: Unspent) -> bool {
    let body = body_of_vote(&[token], &vote_for("example.com"));
    let request = Request::post("/v1/votes", body.into_bytes());
    world.send(&request).await.status.is_success()
}

/// A system that has sold tokens, so that there is room for others under the same key, and that key.
async fn sold() -> (World, PublicKey) {
    let mut world = World::start().await;
    let mut hand = world.hand();
    let tokens = world.drive(hand.buy(20)).await.unwrap();
    let key = *tokens.first().unwrap().key();
    (world, key)
}

#[tokio::test(flavor = "multi_thread")]
async fn t15_whoever_holds_the_issuers_database_mints_nothing() {
    let (world, key) = sold().await;
    let stored = world.kit.stored().await.unwrap();
    let tables = ["issuer_keys", "sealed_keys", "signing_requests"];
    let of_keys = stored
        .iter()
        .filter(|value| value.database == REGISTRY && tables.contains(&&*value.table));
    let mut values: Vec<[u8; 32]> = of_keys
        .flat_map(|value| value.bytes.windows(32))
        .filter_map(|window| window.try_into().ok())
        .collect();
    values.dedup();

    // Whatever is long enough for a key is tried as one.
    let mut tried = 0;
    for mut bytes in values {
        // A secret is a number below 2^252, little endian.
        bytes[31] &= 0x0f;
        let secret = SigningKey::from_bytes(&bytes).unwrap();
        assert_ne!(secret.public_key.to_bytes(), key.0);
        if let Some(token) = mint(&secret, key) {
            tried += 1;
            assert!(!counts(&world, token).await);
        }
    }

    assert!(tried > 10, "nothing was tried");
    assert_eq!(world.tokens_counted().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn t15_control_whoever_holds_the_key_encryption_key_too_mints() {
    let (world, key) = sold().await;
    let name = ServiceName::ChallengeBypass;
    let config: challenge_bypass::Config = world.kit.layout().settings(name).load(name).unwrap();
    let sealer = sealer(&config.keys).unwrap();
    let store = open_store(&config, Rules::default()).await.unwrap();
    let mut stored = store.secrets().await.unwrap().into_iter();
    let stored = stored.find(|stored| stored.facts.id() == KeyId::of(&key));
    let stored = stored.unwrap();
    let secret = sealer.open(&stored.sealed.unwrap(), &stored.facts).unwrap();
    store.close().await;
    assert_eq!(Fixed(secret.public_key.to_bytes()), key);

    let minted = mint(&secret, key).unwrap();

    assert!(counts(&world, minted).await);
}

/// Recomputes the ledger as it lies there, also with what somebody kept elsewhere.
async fn recompute(world: &World, kept: &[LedgerHead]) -> Result<Verified, NotVerified> {
    let name = ServiceName::Tally;
    let config: tally::Config = world.kit.layout().settings(name).load(name).unwrap();
    let key = HeadKey::read(&config.ledger.head_key_file).unwrap();
    let store = tally::open_store(&config).await.unwrap();
    let verified = verify(&*store, &key.public_key(), kept).await;
    store.close().await;
    verified
}

/// Has the ledger book what a buyer paid.
async fn earn(world: &mut World) {
    let mut hand = world.hand();
    world.drive(hand.buy(4)).await.unwrap();
    drop(hand);
    world.live(TimeDelta::days(3)).await;
}

/// A ledger that an insider has set back by some days, and the head that it had before.
async fn set_back() -> (World, LedgerHead) {
    let mut world = World::start().await;
    let tally = [ServiceName::Tally];
    for is_kept in [true, false] {
        earn(&mut world).await;
        world.stop(&tally).await;
        if is_kept {
            world.kit.stores().back_up(TALLY).await.unwrap();
            world.run(&tally).await;
        }
    }
    let name = ServiceName::Tally;
    let config: tally::Config = world.kit.layout().settings(name).load(name).unwrap();
    let store = tally::open_store(&config).await.unwrap();
    let head = store.head().await.unwrap().unwrap();
    store.close().await;
    assert!(recompute(&world, slice::from_ref(&head)).await.is_ok());
    world.kit.stores().restore(TALLY).await.unwrap();
    (world, head)
}

#[tokio::test(flavor = "multi_thread")]
async fn t15_a_ledger_that_was_set_back_is_found_by_a_head_that_was_kept() {
    let (world, head) = set_back().await;

    let found = recompute(&world, &[head]).await;
    assert!(
        matches!(
            found,
            Err(NotVerified::OffHead { .. } | NotVerified::Witness(_))
        ),
        "{found:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn t15_control_a_ledger_that_was_set_back_is_missed_by_whoever_kept_no_head() {
    let (world, _) = set_back().await;

    assert!(recompute(&world, &[]).await.is_ok());
}

/// What an insider would like to have in the ledger, each with what undoes it.
const FORGERIES: [(&str, &str); 3] = [
    (
        "UPDATE ledger_entry SET debit = credit, credit = debit WHERE position = 0",
        "UPDATE ledger_entry SET debit = credit, credit = debit WHERE position = 0",
    ),
    (
        "UPDATE ledger_entry SET memo = memo || '!'",
        "UPDATE ledger_entry SET memo = substr(memo, 1, length(memo) - 1)",
    ),
    (
        "UPDATE ledger_head SET witnessed = witnessed + 1",
        "UPDATE ledger_head SET witnessed = witnessed - 1",
    ),
];

/// Makes each forgery with tally's own rights, and recomputes the ledger with it or after it is undone.
async fn forge(undone_before: bool) -> Vec<Result<Verified, NotVerified>> {
    let mut world = World::start().await;
    earn(&mut world).await;
    // The ledger gets its entries as months are closed.
    world.live(TimeDelta::days(35)).await;
    world.stop(&[ServiceName::Tally]).await;
    let ledger = world.kit.stores().open_as_service(TALLY).await;
    let mut ledger = ledger.unwrap();
    let mut found = Vec::new();
    for (forgery, undo) in FORGERIES {
        ledger.run(forgery).await.unwrap();
        if undone_before {
            ledger.run(undo).await.unwrap();
            found.push(recompute(&world, &[]).await);
        } else {
            found.push(recompute(&world, &[]).await);
            ledger.run(undo).await.unwrap();
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn t15_a_ledger_altered_by_tallys_own_role_is_found_also_without_a_kept_head() {
    let found = forge(false).await;

    assert!(found.iter().all(Result::is_err), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn t15_control_a_ledger_that_was_put_right_again_is_whole() {
    let found = forge(true).await;

    let is_whole =
        |found: &Result<Verified, _>| found.as_ref().is_ok_and(|found| found.entries > 0);
    assert!(found.iter().all(is_whole), "{found:?}");
}
