//! Secrets where they must not be (T2).

use std::collections::BTreeSet;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chrono::TimeDelta;
use messages::FundingSource;
use payments::domain::capability::Capabilities;

use super::{
    month::{Month, logs, needles::Needles},
    traces::forms,
    world::{VOTES, World, vote_for},
};

/// The secrets of the system, as their files have them and as bytes, the private keys of its certificates, and how it
/// gets into its engines.
pub(crate) fn secrets(world: &World) -> Vec<Vec<u8>> {
    let folder = std::fs::read_dir(world.file("pki")).unwrap();
    let mut secrets = Vec::new();
    let own = folder.map(|entry| entry.unwrap().path());
    for file in own.chain(world.kit.stores().secret_files().unwrap()) {
        let text = std::fs::read_to_string(&file).unwrap().trim().to_owned();
        if file.extension().is_some_and(|end| end == "secret") {
            secrets.push(BASE64_STANDARD.decode(&text).unwrap_or_default());
            secrets.push(text.into_bytes());
        } else if file.extension().is_some_and(|end| end == "password") {
            secrets.push(text.into_bytes());
        } else if text.contains("PRIVATE KEY") {
            let lines = text.lines().filter(|line| !line.starts_with('-'));
            let der = BASE64_STANDARD.decode(lines.collect::<String>()).unwrap();
            // The key itself is an octet string of 32 bytes.
            let at = der.windows(2).position(|window| window == [4, 32]).unwrap();
            secrets.push(der[at + 2..at + 34].to_vec());
        }
    }
    secrets.retain(|secret| secret.len() >= 16);
    secrets
}

/// The files beside the secrets' own that hold one.
async fn holding_any(world: &World, secrets: &[Vec<u8>]) -> BTreeSet<String> {
    let files = world.kit.files().await.unwrap();
    let mut holding = BTreeSet::new();
    for needle in secrets.iter().flat_map(|secret| forms(secret)) {
        let holds = |bytes: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
        holding.extend(
            files
                .iter()
                .filter(|(_, bytes)| holds(bytes))
                .map(|(name, _)| name.clone()),
        );
    }
    holding
}

/// What must be in no database, topic or log: the files' secrets, the keys that sign, and what allows to use
/// an order.
fn secrets_of(month: &Month) -> Needles<&'static str> {
    let mut needles = Needles::new();
    for secret in &month.secrets {
        needles.add_forms(secret, &"a secret of a file");
    }
    for key in &month.signing_keys {
        needles.add_forms(key, &"a key that signs");
    }
    for buyer in &month.buyers {
        needles.add(buyer.trail.capability.as_bytes(), &"a capability");
    }
    needles
}

#[tokio::test(flavor = "multi_thread")]
async fn t2_no_database_no_topic_and_no_log_holds_a_secret() {
    let month = Month::of_browsers().await;
    assert!(month.secrets.len() > 10, "there is nothing to look for");
    assert!(month.signing_keys.len() >= 2, "no key has signed");
    let secrets = secrets_of(month);

    for look in &month.looks {
        for (name, bytes) in &look.files {
            assert_eq!(secrets.find(bytes).keys().next(), None, "{name}");
        }
    }
    assert_eq!(secrets.find(&logs::text()).keys().next(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn t2_after_a_purchase_and_its_vote_nothing_that_is_stored_holds_a_secret() {
    let mut world = World::start().await;
    let mut hand = world.hand();
    let open = world.drive(hand.order(FundingSource::UserWallet, 4)).await;
    let open = open.unwrap();
    world.drive(hand.pay(&open)).await.unwrap();
    let tokens = world.drive(hand.tokens(&open)).await.unwrap();
    let vote = vote_for("example.com");
    world.drive(hand.vote(&tokens, &vote)).await.unwrap();
    drop(hand);
    world.live(TimeDelta::days(1)).await;
    let mut secrets = secrets(&world);
    assert!(secrets.len() > 10, "there is nothing to look for");
    secrets.push(open.order.capability.unwrap().into_bytes());

    assert_eq!(world.events().await.len(), 1);
    world.kit.stop().await.unwrap();
    assert_eq!(holding_any(&world, &secrets).await, BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn t2_control_a_capability_in_the_log_is_seen() {
    logs::keep();
    let mut world = World::planted(|planted| {
        planted.payments.capability = |capabilities, order, sent, may, now| {
            tracing::info!(sent, "a request came");
            Capabilities::check(capabilities, order, sent, may, now)
        };
    })
    .await;
    let mut hand = world.hand();
    let open = world.drive(hand.order(FundingSource::UserWallet, 4)).await;
    let open = open.unwrap();
    world.drive(hand.look(&open)).await.unwrap();

    let mut needles = Needles::new();
    let capability = open.order.capability.unwrap();
    needles.add(capability.as_bytes(), &());

    assert!(!needles.find(&logs::text()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn t2_control_a_secret_in_a_database_is_seen() {
    let mut world = World::start().await;
    let secrets = secrets(&world);
    let secret = forms(secrets.last().unwrap()).pop().unwrap();
    let note = format!(
        "CREATE TABLE note (text TEXT); INSERT INTO note VALUES ('{}')",
        String::from_utf8(secret).unwrap()
    );
    world.tamper(VOTES, &note).await;
    world.kit.stop().await.unwrap();

    assert!(!holding_any(&world, &secrets).await.is_empty());
}
