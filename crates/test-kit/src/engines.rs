//! The real engines that `BLINDTALLY_ENGINES` names: worlds on them, each with schemas and topics of its own, and
//! ways to hurt them.

use blindtally::system::Engines;

#[cfg(feature = "engines")]
mod hurt;

#[cfg(feature = "engines")]
pub use hurt::{Engine, behind_a_proxy, super_user};

/// What a new world runs on: `None` is files.
#[cfg(not(feature = "engines"))]
#[expect(clippy::unused_async, reason = "with engines it waits")]
pub(crate) async fn of_a_new_world() -> anyhow::Result<Option<Engines>> {
    Ok(None)
}

/// What a new world runs on: `None` is files.
#[cfg(feature = "engines")]
pub(crate) async fn of_a_new_world() -> anyhow::Result<Option<Engines>> {
    use service_kit::{db::testing::make_schema, engines};

    let Some(folder) = engines::named() else {
        return Ok(None);
    };
    let id = uuid::Uuid::new_v4().simple().to_string();
    let (schema, environment) = (format!("test_{id}"), format!("test-{id}"));
    for (cluster, database) in [
        ("main", "challenge_bypass"),
        ("main", "payments_orders"),
        ("main", "tally"),
        ("votes", "payments_votes"),
    ] {
        make_schema(cluster, database, &schema).await;
    }
    hurt::script(
        "topics",
        &[folder.as_os_str(), environment.as_ref(), "forever".as_ref()],
    )
    .await?;
    let engines = Engines::read(&folder.join("engines.toml"))?.apart(&schema, &environment);
    engines.migrate().await?;
    Ok(Some(engines))
}
