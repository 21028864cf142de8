//! A world's place in the engines: schemas and topics of its own.

use std::{collections::BTreeSet, path::PathBuf};

use blindtally::system::Engines;
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
};
use service_kit::{db::testing::make_schema, engines, tls::ClientTls};

use super::{hurt, partitions_of};

/// What a new world runs on: `None` is files.
pub async fn of_a_new_world() -> anyhow::Result<Option<Engines>> {
    let Some(folder) = engines::named() else {
        return Ok(None);
    };
    let id = uuid::Uuid::new_v4().simple().to_string();
    let (schema, environment) = (format!("test_{id}"), format!("test-{id}"));
    for (cluster, database) in [
        ("registry", "challenge_bypass"),
        ("main", "payments_orders"),
        ("main", "tally"),
        ("votes", "payments_votes"),
    ] {
        make_schema(cluster, database, &schema).await;
    }
    let engines = Engines::read(&folder.join("engines.toml"))?.apart(&schema, &environment);
    make_topics(&engines).await?;
    engines.migrate().await?;
    Ok(Some(engines))
}

async fn make_topics(engines: &Engines) -> anyhow::Result<()> {
    let (folder, environment) = (engines::folder(), engines.environment());
    let arguments = [folder.as_os_str(), environment.as_ref(), "forever".as_ref()];
    hurt::script("topics", &arguments).await
}

/// Deletes the topics of a world, and makes them again.
pub(crate) async fn make_topics_anew(engines: &Engines) -> anyhow::Result<()> {
    let path = |path: PathBuf| path.to_string_lossy().into_owned();
    let ClientTls {
        ca_file,
        certificate_file,
        key_file,
    } = engines.access("admin").tls;
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", engines.brokers())
        .set("security.protocol", "ssl")
        .set("ssl.ca.location", path(ca_file))
        .set("ssl.certificate.location", path(certificate_file))
        .set("ssl.key.location", path(key_file))
        .create()?;
    let topics = partitions_of(engines)?.into_iter();
    let topics: BTreeSet<String> = topics.map(|partition| partition.topic).collect();
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    for deleted in admin.delete_topics(&topics, &AdminOptions::new()).await? {
        deleted.map_err(|(topic, error)| anyhow::anyhow!("{topic} stays: {error}"))?;
    }
    make_topics(engines).await
}
