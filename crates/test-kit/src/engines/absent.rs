//! A build without engines: every world is on files.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use anyhow::bail;
use blindtally::system::Engines;

/// Whether new worlds run on real engines.
pub const fn are_given() -> bool {
    false
}

/// What a new world runs on: `None` is files.
pub async fn of_a_new_world() -> anyhow::Result<Option<Engines>> {
    Ok(None)
}

/// What new parts of star-collector run on: `None` is files.
pub async fn of_new_measurements() -> anyhow::Result<Option<Engines>> {
    Ok(None)
}

/// The same engines with new tables of the aggregator.
pub async fn with_new_tables(_engines: Engines) -> anyhow::Result<Engines> {
    bail!("this build has no PostgreSQL")
}

/// Deletes topics.
pub async fn delete_topics(_engines: &Engines, _topics: &BTreeSet<String>) -> anyhow::Result<()> {
    bail!("this build has no Kafka")
}

/// Makes the topics of a world that are not there.
pub async fn make_missing_topics(_engines: &Engines) -> anyhow::Result<()> {
    bail!("this build has no Kafka")
}

pub(crate) async fn make_topic(
    _engines: &Engines,
    _topic: &str,
    _partitions: u32,
) -> anyhow::Result<()> {
    bail!("this build has no Kafka")
}

pub(crate) async fn make_topics_anew(_engines: &Engines) -> anyhow::Result<()> {
    bail!("this build has no Kafka")
}

pub(crate) fn topics_of(_engines: &Engines) -> anyhow::Result<BTreeSet<String>> {
    bail!("this build has no Kafka")
}

pub(crate) fn segments_of(_engines: &Engines) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    bail!("this build has no Kafka")
}

pub(crate) fn secret_files() -> anyhow::Result<Vec<PathBuf>> {
    bail!("this build has no engines")
}
