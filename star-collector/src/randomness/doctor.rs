//! `star-collector randomness doctor`: what the service needs, one line each.

use anyhow::Context as _;
use clock::Clock;
use secrecy::ExposeSecret as _;
use service_kit::doctor::{DatabaseOf, Report, database, secret, server_tls};

use super::{Config, domain, rewrap, store};

/// Looks at everything that the service needs.
pub async fn examine(config: &Config, clock: &Clock) -> Report {
    let mut report = Report::default();
    server_tls(&mut report, &config.http.tls, clock);
    report.note("schedule", schedules(config, clock));
    let sealing = &config.keys.sealing_key_file;
    let mut has_keys = secret(&mut report, "secret: sealing key", sealing);
    for file in &config.keys.older_sealing_key_files {
        has_keys &= secret(&mut report, "secret: older sealing key", file);
    }
    let of_keys = DatabaseOf {
        what: "database",
        url: config.database.url.expose_secret(),
        schema: store::SCHEMA,
    };
    if database(&mut report, of_keys, clock).await && has_keys {
        report.note("keys", keys(config).await);
    }
    report
}

/// The current epoch of each instance.
fn schedules(config: &Config, clock: &Clock) -> anyhow::Result<String> {
    let mut epochs = Vec::new();
    for (name, schedule) in config.schedules()? {
        let position = schedule.position(clock.now());
        let position =
            position.context("epoch_base_time is yet to come: correct it, or the clock")?;
        epochs.push(format!("{name} is in epoch {}", schedule.epoch(position)));
    }
    Ok(epochs.join(", "))
}

/// Whether every key that is stored opens.
async fn keys(config: &Config) -> anyhow::Result<String> {
    let sealer = rewrap::sealer(&config.keys)?;
    let store = store::open(config.database.url.expose_secret()).await?;
    let states = store.states().await;
    store.close().await;
    for stored in states? {
        domain::open(&sealer, &stored).with_context(|| {
            let name = &stored.facts.instance;
            format!(
                "the key of {name}: name the file that it was sealed under in keys.older_sealing_key_files"
            )
        })?;
    }
    Ok("all of them open".to_owned())
}
