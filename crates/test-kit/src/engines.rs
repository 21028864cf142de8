//! Worlds on the real engines that `BLINDTALLY_ENGINES` names, each with schemas and topics of its own.

use blindtally::system::Engines;

/// What a new world runs on: `None` is files.
#[cfg(not(feature = "engines"))]
#[expect(clippy::unused_async, reason = "with engines it waits")]
pub async fn of_a_new_world() -> anyhow::Result<Option<Engines>> {
    Ok(None)
}

/// What a new world runs on: `None` is files.
#[cfg(feature = "engines")]
pub async fn of_a_new_world() -> anyhow::Result<Option<Engines>> {
    use std::path::Path;

    use anyhow::{Context as _, ensure};
    use service_kit::{db::testing::make_schema, engines};
    use tokio::process::Command;

    let Some(folder) = engines::named() else {
        return Ok(None);
    };
    let id = uuid::Uuid::new_v4().simple().to_string();
    let (schema, environment) = (format!("test_{id}"), format!("test-{id}"));
    for (cluster, database) in [
        ("main", "payments_orders"),
        ("main", "tally"),
        ("registry", "challenge_bypass"),
        ("votes", "payments_votes"),
    ] {
        make_schema(cluster, database, &schema).await;
    }
    let topics = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/engines/topics");
    let mut making = Command::new(topics);
    making.arg(&folder).arg(&environment).arg("forever");
    let made = making.status().await;
    let made = made.context("deploy/engines/topics cannot be started")?;
    ensure!(made.success(), "the topics cannot be made");
    let engines = Engines::read(&folder.join("engines.toml"))?.apart(&schema, &environment);
    engines.migrate().await?;
    Ok(Some(engines))
}
