//! `challenge-bypass after-restore`: the registry of an earlier day, with which tokens could be spent twice (T7, T19).

use std::{fs, process::Command};

use challenge_bypass::{Deps, Rules, after_restore::after_restore, open_issuers};
use messages::{
    KeyId,
    challenge_bypass::RedemptionOutcome::First,
    directory::{Entry, check_chain},
    problem::Slug,
};

use crate::app::{App, PATH, problem};

const FILES: [&str; 3] = [
    "challenge-bypass.db",
    "challenge-bypass.db-wal",
    "challenge-bypass.db-shm",
];

fn copy(app: &App, from: &str, to: &str) {
    for file in FILES {
        let _may_be_absent = fs::remove_file(app.path(&format!("{to}{file}")));
        let from = app.path(&format!("{from}{file}"));
        let _may_be_absent = fs::copy(from, app.path(&format!("{to}{file}")));
    }
}

async fn mend(app: &App, published: &[Entry]) -> anyhow::Result<Vec<KeyId>> {
    let deps = Deps {
        clock: app.clock(),
        rules: Rules::default(),
    };
    let issuers = open_issuers(&app.config(), &deps).await?;
    let revoked = after_restore(&issuers, published).await;
    issuers.store.close().await;
    revoked
}

#[tokio::test]
async fn what_was_spent_since_the_backup_is_not_spent_again_and_the_directory_goes_on() {
    let mut app = App::start().await;
    let tokens = app.issue(4).await;
    app.stop().await;
    copy(&app, "", "backup.");
    app.run_again().await.unwrap();
    assert_eq!(app.redeemed("for a", &tokens).await, (First, 4));
    let rotate = app.request(reqwest::Method::POST, &format!("{PATH}/keys/rotate"));
    assert!(rotate.send().await.unwrap().status().is_success());
    let (keys, published) = (app.keys().await, app.directory().await.entries);
    assert_eq!(keys.len(), 2);
    app.stop().await;
    copy(&app, "backup.", "");

    let mut revoked = mend(&app, &published).await.unwrap();
    app.run_again().await.unwrap();

    revoked.sort_unstable();
    let mut known: Vec<_> = keys.iter().map(|key| key.key_id).collect();
    known.sort_unstable();
    assert_eq!(
        revoked, known,
        "one is in use, and the other lost its secret"
    );
    problem(app.redeem("for b", &tokens).await, Slug::KeyRevoked).await;
    let entries = app.directory().await.entries;
    assert!(entries.starts_with(&published) && check_chain(&entries).is_ok());
    // The next key sells.
    let tokens = app.issue(2).await;
    assert_eq!(app.redeemed("for c", &tokens).await, (First, 2));
    let all: Vec<messages::challenge_bypass::IssuerKey> = app.keys().await;
    assert_eq!(all.iter().filter(|key| !key.revoked).count(), 1);
}

#[tokio::test]
async fn a_key_that_has_not_signed_yet_stays_as_it_is() {
    let mut app = App::start().await;
    let rotate = app.request(reqwest::Method::POST, &format!("{PATH}/keys/rotate"));
    assert!(rotate.send().await.unwrap().status().is_success());
    let (keys, published) = (app.keys().await, app.directory().await.entries);
    app.stop().await;

    let revoked = mend(&app, &published).await.unwrap();

    assert_eq!(revoked, [keys[0].key_id]);
    assert!(app.has_secret(keys[1].key_id).await);
}

#[tokio::test]
async fn a_directory_of_somebody_else_is_refused() {
    let (mut app, other) = (App::start().await, App::start().await);
    let entries = other.directory().await.entries;
    let before = app.directory().await.entries;
    app.stop().await;

    let refused = mend(&app, &entries).await.unwrap_err().to_string();

    assert!(refused.contains("does not go on"), "{refused}");
    app.run_again().await.unwrap();
    assert_eq!(app.directory().await.entries, before);
}

#[test]
fn help_says_what_to_know_before_keys_are_revoked() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_challenge-bypass"));
    let help = command.args(["after-restore", "--help"]).output().unwrap();

    let text = String::from_utf8(help.stdout).unwrap();
    for word in [
        "worth nothing",
        "before challenge-bypass is started",
        "restate",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
}
