//! Keys at rest.

use secrecy::ExposeSecret as _;
use service_kit::secret::SecretFile;
use star_collector::randomness::{domain, rewrap, store};

use super::{
    app::{App, points},
    keys::Keys,
};

/// Each is something that whoever may write to the database could want.
#[tokio::test]
async fn a_sealed_key_that_was_moved_or_altered_does_not_open() {
    let changes: [fn(&Keys) -> String; 6] = [
        |_| "position = position + 1".to_owned(),
        |keys| format!("state_id = {}", keys.literal(16)),
        |keys| format!("data_key = {}", keys.literal(80)),
        |keys| format!("state = {}", keys.literal(9_000)),
        |keys| format!("state = {}", keys.literal(0)),
        |_| {
            "data_key = (SELECT data_key FROM epoch_keys WHERE instance = 'other'),
             state = (SELECT state FROM epoch_keys WHERE instance = 'other')"
                .to_owned()
        },
    ];
    for change in changes {
        let mut app = App::start().await;
        app.stop().await;
        let keys = &app.place.keys;
        let statement = format!("UPDATE epoch_keys SET {}", change(keys));
        keys.run(&statement).await.unwrap();
        // In the epoch that the first change claims to be in.
        app.wake_at("2026-01-01T11:10:00Z");

        let error = app.run().await.unwrap_err();

        let said = format!("{error:#}");
        assert!(said.contains("does not open"), "{statement}: {said}");
    }
}

#[tokio::test]
async fn without_its_key_encryption_key_the_service_does_not_start() {
    let mut app = App::start().await;
    app.stop().await;
    let file = app.place.path("sealing.key");
    std::fs::remove_file(&file).unwrap();
    SecretFile::new(&file).create_key().unwrap();

    let error = format!("{:#}", app.run().await.unwrap_err());

    assert!(error.contains("is not configured"), "{error}");
}

/// Every part of the key, also of the key tree, and the data key: 16 bytes of them are never there by chance.
#[tokio::test]
async fn nothing_of_a_key_is_in_what_is_stored() {
    let mut app = App::start().await;
    app.evaluated(&points(4)).await;
    app.live_until_hour(1).await;
    let config = app.config();
    let store = store::open(config.database.url.expose_secret())
        .await
        .unwrap();
    let sealer = rewrap::sealer(&config.keys).unwrap();
    let stored = store.states().await.unwrap().remove(0);
    let key = domain::open(&sealer, &stored).unwrap();
    let sealing = config.keys.sealing_key_file.read_key().unwrap();
    store.close().await;
    app.stop().await;

    let kept = app.place.keys.stored().await;
    let holds = |bytes: &[u8]| kept.windows(bytes.len()).any(|window| window == bytes);
    assert!(holds(&stored.state[..48]), "the search finds what is there");
    assert!(!holds(&sealing[..16]));
    let public_key = key.public_key();
    let secret = key.to_bytes();
    // What is public, and lengths, are no secrets.
    let is_secret = |part: &&[u8]| {
        let is_public = public_key.windows(16).any(|window| window == *part);
        !is_public && part.iter().filter(|byte| **byte != 0).count() > 8
    };
    let secrets: Vec<&[u8]> = secret.chunks_exact(16).filter(is_secret).collect();
    assert!(secrets.len() > 4);
    assert!(secrets.iter().all(|part| !holds(part)));
}

#[tokio::test]
async fn the_key_encryption_key_is_changed_without_losing_the_key() {
    let mut app = App::start().await;
    let before = app.evaluated(&points(2)).await;
    app.stop().await;
    let (current, older) = (app.place.path("sealing.key"), app.place.path("older.key"));
    std::fs::rename(&current, &older).unwrap();
    SecretFile::new(&current).create_key().unwrap();
    let mut config = app.config();
    config.keys.older_sealing_key_files = vec![SecretFile::new(&older)];

    let store = store::open(config.database.url.expose_secret())
        .await
        .unwrap();
    let sealer = rewrap::sealer(&config.keys).unwrap();
    assert_eq!(rewrap::rewrap(&*store, &sealer).await.unwrap(), 2);
    assert_eq!(rewrap::rewrap(&*store, &sealer).await.unwrap(), 0);
    store.close().await;
    std::fs::remove_file(&older).unwrap();

    app.run().await.unwrap();
    assert_eq!(app.evaluated(&points(2)).await.points, before.points);
}

/// Each puncture seals under the current key: a replica that was restarted with a new file needs no rewrapping after it.
#[tokio::test]
async fn a_puncture_rewraps_the_key() {
    let mut app = App::start().await;
    app.stop().await;
    let (current, older) = (app.place.path("sealing.key"), app.place.path("older.key"));
    std::fs::rename(&current, &older).unwrap();
    SecretFile::new(&current).create_key().unwrap();
    let place = app.place.clone();
    let file = SecretFile::new(&older);
    let mut app = App::stopped(place.clone(), "2026-01-02T10:30:00Z", move |config| {
        config.keys.older_sealing_key_files = vec![file.clone()];
    });
    app.run().await.unwrap();
    let before = app.evaluated(&points(2)).await;
    app.stop().await;
    std::fs::remove_file(&older).unwrap();

    let again = App::replica(&place, "2026-01-02T10:30:00Z").await;

    assert_eq!(again.evaluated(&points(2)).await.points, before.points);
}
