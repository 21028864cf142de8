//! What the broker wrote to its disk.

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
