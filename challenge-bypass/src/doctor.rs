//! `challenge-bypass doctor`: what challenge-bypass needs, one line each.

use std::sync::Arc;

use clock::Clock;
use secrecy::ExposeSecret as _;
use service_kit::doctor::{DatabaseOf, Report, bearer_tokens, database, secret, server_tls};

use crate::{Config, Rules, keyring::Keyring, open_store, rewrap, store};

/// Looks at everything that challenge-bypass needs.
pub async fn examine(config: &Config, clock: &Clock) -> Report {
    let mut report = Report::default();
    server_tls(&mut report, &config.http.tls, clock);
    bearer_tokens(&mut report, &config.auth);
    let sealing = &config.keys.sealing_key_file;
    let mut has_keys = secret(&mut report, "secret: sealing key", sealing);
    for file in &config.keys.older_sealing_key_files {
        has_keys &= secret(&mut report, "secret: older sealing key", file);
    }
    let url = config.database.url.expose_secret();
    let of_registry = DatabaseOf {
        what: "database",
        url,
        schema: store::SCHEMA,
    };
    if database(&mut report, of_registry, clock).await && has_keys {
        report.note("signing keys", signing_keys(config).await);
    }
    report
}

/// Whether every signing key that is stored opens.
async fn signing_keys(config: &Config) -> anyhow::Result<String> {
    let sealer = rewrap::sealer(&config.keys)?;
    let store = open_store(config, Rules::default()).await?;
    let opened = Keyring::open(Arc::clone(&store), sealer).await;
    store.close().await;
    opened.map(drop).map_err(|error| {
        anyhow::Error::from(error)
            .context("name the file that it was sealed under in keys.older_sealing_key_files")
    })?;
    Ok("all of them open".to_owned())
}
