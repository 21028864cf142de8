//! Secrets where they must not be (T2).

use std::collections::BTreeSet;

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{
    traces::{forms, pay_and_vote},
    world::{VOTES, World},
};

/// The secrets of the system, as their files have them and as bytes.
fn secrets(world: &World) -> Vec<Vec<u8>> {
    let folder = std::fs::read_dir(world.file("pki")).unwrap();
    let files = folder.map(|entry| entry.unwrap().path());
    let files = files.filter(|file| file.extension().is_some_and(|end| end == "secret"));
    let texts = files.map(|file| std::fs::read_to_string(file).unwrap().trim().to_owned());
    texts
        .flat_map(|text| {
            [
                BASE64_STANDARD.decode(&text).unwrap_or_default(),
                text.into_bytes(),
            ]
        })
        .filter(|secret| secret.len() >= 16)
        .collect()
}

/// The files beside the secrets' own that hold one.
fn holding_any(world: &World, secrets: &[Vec<u8>]) -> BTreeSet<String> {
    let files = world.kit.files().unwrap();
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

#[tokio::test(flavor = "multi_thread")]
async fn t2_no_database_and_no_topic_holds_a_secret() {
    let mut world = World::start().await;
    pay_and_vote(&mut world).await;
    let secrets = secrets(&world);
    world.kit.stop().await.unwrap();

    assert!(secrets.len() > 5, "there is nothing to look for");
    assert_eq!(holding_any(&world, &secrets), BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn t2_control_a_secret_in_a_database_is_seen() {
    let mut world = World::start().await;
    let secrets = secrets(&world);
    let secret = secrets.last().unwrap();
    let mut votes = world.open(VOTES).await;
    sqlx::raw_sql("CREATE TABLE note (bytes BLOB)")
        .execute(&mut votes)
        .await
        .unwrap();
    let note = sqlx::query("INSERT INTO note VALUES (?)").bind(secret);
    note.execute(&mut votes).await.unwrap();
    drop(votes);
    world.kit.stop().await.unwrap();

    assert!(!holding_any(&world, &secrets).is_empty());
}
