//! Worlds on the real engines that `BLINDTALLY_ENGINES` names, each with schemas and topics of its own.

use std::{collections::BTreeMap, fs, path::PathBuf};

use anyhow::Context as _;
use blindtally::system::Engines;
use service_kit::event_log::Partition;

/// A partition of a topic, and its files.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) topic: String,
    partition: Partition,
    folder: PathBuf,
}

impl Files {
    /// What was written, in segments.
    pub(crate) fn segments(&self) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
        let mut segments = BTreeMap::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "log") {
                let segment = path.file_name().unwrap_or_default().to_string_lossy();
                let Self {
                    topic, partition, ..
                } = self;
                let name = format!("event-log.db/{topic}-{partition}/{segment}");
                segments.insert(name, fs::read(&path)?);
            }
        }
        Ok(segments)
    }
}

/// The partitions of all topics of a world, as the broker has them on its disk.
pub(crate) fn partitions_of(engines: &Engines) -> anyhow::Result<Vec<Files>> {
    let broker = service_kit::engines::named().context("there is a broker")?;
    let mut partitions = Vec::new();
    for entry in fs::read_dir(broker.join("kafka/data"))? {
        let folder = entry?.path();
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let Some((topic, partition)) = name.rsplit_once('-') else {
            continue;
        };
        let of_world = topic
            .strip_prefix(engines.environment())
            .is_some_and(|rest| rest.starts_with('.'));
        // Folders of topics that were deleted have other names, for a while.
        if let (true, Ok(partition)) = (of_world, partition.parse()) {
            partitions.push(Files {
                topic: topic.to_owned(),
                partition,
                folder: folder.clone(),
            });
        }
    }
    partitions
        .sort_by(|one, other| (&one.topic, one.partition).cmp(&(&other.topic, other.partition)));
    Ok(partitions)
}

/// What a new world runs on: `None` is files.
#[cfg(not(feature = "engines"))]
#[expect(clippy::unused_async, reason = "with engines it waits")]
pub async fn of_a_new_world() -> anyhow::Result<Option<Engines>> {
    Ok(None)
}

/// Deletes the topics of a world, and makes them again.
#[cfg(not(feature = "engines"))]
#[expect(clippy::unused_async, reason = "with engines it waits")]
pub(crate) async fn make_topics_anew(_engines: &Engines) -> anyhow::Result<()> {
    anyhow::bail!("this build has no Kafka")
}

#[cfg(feature = "engines")]
pub use real::of_a_new_world;
#[cfg(feature = "engines")]
pub(crate) use real::make_topics_anew;

#[cfg(feature = "engines")]
mod real {
    use std::{
        collections::BTreeSet,
        path::{Path, PathBuf},
    };

    use anyhow::{Context as _, ensure};
    use blindtally::system::Engines;
    use rdkafka::{
        ClientConfig,
        admin::{AdminClient, AdminOptions},
        client::DefaultClientContext,
    };
    use service_kit::{db::testing::make_schema, engines, tls::ClientTls};
    use tokio::process::Command;

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
        let folder = engines::folder();
        let topics = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/engines/topics");
        let mut making = Command::new(topics);
        making.arg(folder).arg(engines.environment()).arg("forever");
        let made = making.status().await;
        let made = made.context("deploy/engines/topics cannot be started")?;
        ensure!(made.success(), "the topics cannot be made");
        Ok(())
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
        let topics = super::partitions_of(engines)?.into_iter();
        let topics: BTreeSet<String> = topics.map(|partition| partition.topic).collect();
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        for deleted in admin.delete_topics(&topics, &AdminOptions::new()).await? {
            deleted.map_err(|(topic, error)| anyhow::anyhow!("{topic} stays: {error}"))?;
        }
        make_topics(engines).await
    }
}
