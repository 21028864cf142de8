//! The change of the directory key.

use ed25519_dalek::SigningKey;
use messages::{
    directory::{Directory, KeyChange, KeySequence, check_chain},
    encoding::Fixed,
    problem::Slug,
};
use serde_json::json;

use crate::app::{App, ok, problem};

const PATH: &str = "/v4/directory-keys";

fn change(previous: u8, new: u8) -> KeyChange {
    let [previous, new] = [previous, new].map(|seed| SigningKey::from_bytes(&[seed; 32]));
    KeyChange::sign(&previous, &new)
}

#[tokio::test]
async fn a_change_is_appended_once_however_often_it_is_asked_for() {
    let app = App::start().await;

    for _ in 0..2 {
        let directory: Directory = ok(app.post(PATH, &change(1, 2)).await).await;
        assert_eq!(directory, app.directory().await);
        assert_eq!(directory.entries.len(), 2);
    }

    let entries = app.directory().await.entries;
    assert_eq!(check_chain(&entries), Ok(()));
    let new = SigningKey::from_bytes(&[2; 32]).verifying_key();
    assert_eq!(KeySequence::of(&entries).unwrap().last(), Some(&new));
}

#[tokio::test]
async fn a_change_that_does_not_go_on_from_the_last_one_is_a_conflict() {
    let app = App::start().await;
    let _: Directory = ok(app.post(PATH, &change(1, 2)).await).await;

    for refused in [change(1, 3), change(4, 3), change(2, 1)] {
        problem(app.post(PATH, &refused).await, Slug::DirectoryKeyConflict).await;
    }
    assert_eq!(app.directory().await.entries.len(), 2);
}

#[tokio::test]
async fn a_change_that_one_of_the_keys_did_not_sign_is_refused_with_its_name() {
    let app = App::start().await;
    let mut forged = change(1, 2);
    forged.signatures.previous = Fixed([1; 64]);
    let mut claimed = change(1, 2);
    claimed.signatures.new = change(1, 3).signatures.new;
    let missing = json!({
        "publicKey": forged.public_key,
        "previousKey": forged.previous_key,
        "signatures": { "new": forged.signatures.new },
    });

    let refused = problem(app.post(PATH, &forged).await, Slug::InvalidBody).await;
    assert_eq!(refused, ["/signatures/previous"]);
    let refused = problem(app.post(PATH, &claimed).await, Slug::InvalidBody).await;
    assert_eq!(refused, ["/signatures/new"]);
    problem(app.post(PATH, &missing).await, Slug::InvalidBody).await;
    assert_eq!(app.directory().await.entries.len(), 1);
}
