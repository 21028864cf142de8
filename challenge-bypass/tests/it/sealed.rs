//! Signing keys at rest.

use challenge_bypass::{Rules, domain::SealingKey, open_store, rewrap};
use messages::challenge_bypass::RedemptionOutcome::First;
use service_kit::secret::SecretFile;

use crate::app::App;

async fn does_not_start(app: &mut App) {
    let error = app.restart().await.unwrap_err();
    assert!(format!("{error:#}").contains("do not open"), "{error:#}");
}

/// Each is something that whoever may write to the database could want.
#[tokio::test]
async fn a_sealed_key_with_altered_dates_or_terms_does_not_open() {
    for statement in [
        "UPDATE issuer_keys SET redeem_until = redeem_until + 86400",
        "UPDATE issuer_keys SET sign_until = sign_until + 1",
        "UPDATE issuer_keys SET sign_from = sign_from - 1",
        "UPDATE issuers SET funding_source = 'anonymous-card'",
        "UPDATE issuers SET derivation = 'legacy'",
        "UPDATE sealed_keys SET nonce = randomblob(24)",
    ] {
        let mut app = App::start().await;
        app.stop().await;
        app.sql(statement).await;
        let error = app.run_again().await.unwrap_err();
        assert!(
            format!("{error:#}").contains("do not open"),
            "{statement}: {error:#}"
        );
    }
}

#[tokio::test]
async fn a_sealed_key_that_is_moved_to_another_row_does_not_open() {
    let mut app = App::start().await;
    let path = format!("{}/keys/rotate", crate::app::PATH);
    app.request(reqwest::Method::POST, &path)
        .send()
        .await
        .unwrap();
    app.sql(
        "UPDATE sealed_keys SET
             nonce = zeroblob(24),
             ciphertext = (SELECT max(ciphertext) FROM sealed_keys)
         WHERE ciphertext = (SELECT min(ciphertext) FROM sealed_keys)",
    )
    .await;

    does_not_start(&mut app).await;
}

#[tokio::test]
async fn without_its_key_encryption_key_the_service_does_not_start() {
    let mut app = App::start().await;
    let file = app.path("sealing.key");
    std::fs::remove_file(&file).unwrap();
    SecretFile::new(&file).create_key().unwrap();

    does_not_start(&mut app).await;
}

#[tokio::test]
async fn no_secret_is_in_the_files() {
    let mut app = App::start().await;
    app.issue(4).await;
    let config = app.config();
    let store = open_store(&config, Rules::default()).await.unwrap();
    let sealer = rewrap::sealer(&config.keys).unwrap();
    let stored = store.secrets().await.unwrap().remove(0);
    let secret = sealer.open(&stored.sealed.unwrap(), &stored.facts).unwrap();
    let sealing = config.keys.sealing_key_file.read_key().unwrap();
    store.close().await;
    app.stop().await;

    let mut files = 0;
    for entry in std::fs::read_dir(app.path("")).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().contains("challenge-bypass.db") {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!contains(&bytes, &secret.to_bytes()), "{path:?}");
            assert!(!contains(&bytes, sealing.as_slice()), "{path:?}");
            // Shows that the search finds what is there.
            let public = stored.facts.public_key.as_bytes();
            files += usize::from(contains(&bytes, public));
        }
    }
    assert!(files > 0);
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[tokio::test]
async fn the_key_encryption_key_is_changed_without_losing_a_token() {
    let mut app = App::start().await;
    let tokens = app.issue(2).await;
    app.stop().await;
    let (current, older) = (app.path("sealing.key"), app.path("older.key"));
    std::fs::rename(&current, &older).unwrap();
    SecretFile::new(&current).create_key().unwrap();
    let mut config = app.config();
    config.keys.older_sealing_key_files = vec![SecretFile::new(&older)];

    let store = open_store(&config, Rules::default()).await.unwrap();
    let sealer = rewrap::sealer(&config.keys).unwrap();
    assert_eq!(rewrap::rewrap(&*store, &sealer).await.unwrap(), 1);
    assert_eq!(rewrap::rewrap(&*store, &sealer).await.unwrap(), 0);
    store.close().await;
    std::fs::remove_file(&older).unwrap();

    app.run_again().await.unwrap();
    assert_eq!(app.redeemed("for a", &tokens).await, (First, 2));
    let key = SealingKey::new(
        app.config()
            .keys
            .sealing_key_file
            .read_key()
            .unwrap()
            .as_slice(),
    );
    assert!(key.is_ok());
}

#[tokio::test]
async fn the_order_of_writes_is_not_kept_for_long() {
    let mut app = App::start().await;
    let tokens = app.issue(4).await;
    app.redeemed("for a", &tokens).await;
    let log = || {
        std::fs::metadata(app.path("challenge-bypass.db-wal"))
            .unwrap()
            .len()
    };
    assert!(log() > 0);

    app.live_until("2026-01-01T17:00:00Z").await;

    let log = std::fs::metadata(app.path("challenge-bypass.db-wal"))
        .unwrap()
        .len();
    assert_eq!(log, 0);
    assert_eq!(app.redeemed_total().await, 4);
}
