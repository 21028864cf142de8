//! The engines in the folder that `BLINDTALLY_ENGINES` names.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use blindtally::system::{Database, Engines};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    metadata::MetadataTopic,
};
use secrecy::ExposeSecret as _;
use service_kit::{db::testing::make_schema_as, engines, tls::ClientTls};
use tokio::{
    sync::Mutex,
    time::{sleep, timeout},
};

use super::hurt::script;

/// Environments that have their topics, and no world yet, by the file that the topics stand in.
static READY: Mutex<BTreeMap<&str, Vec<String>>> = Mutex::const_new(BTreeMap::new());

/// The topics of votes.
pub(super) const VOTES: &str = "access.txt";

/// The topics of measurements.
pub(super) const MEASUREMENTS: &str = "access-star.txt";

/// So many are made at once: it takes little longer than one, since most of it is to start a program.
const READY_AT_ONCE: usize = 6;

/// How long a broker may take to answer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(20);

/// How long a broker may show topics that it has deleted.
const FORGOTTEN_WITHIN: Duration = Duration::from_secs(20);

/// How soon to ask a broker again whether it has forgotten a topic.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Whether new worlds run on real engines.
pub fn are_given() -> bool {
    engines::named().is_some()
}

/// What a new world runs on: `None` is files.
pub async fn of_a_new_world() -> anyhow::Result<Option<Engines>> {
    let Some(folder) = engines::named() else {
        return Ok(None);
    };
    let environment = new_environment(VOTES).await?;
    let engines = Engines::read(&folder.join("engines.toml"))?;
    let engines = with_tables_of_votes(engines, &environment).await?;
    Ok(Some(engines))
}

/// Engines on which the tables of votes are nobody else's.
pub(super) async fn with_tables_of_votes(
    engines: Engines,
    environment: &str,
) -> anyhow::Result<Engines> {
    let schema = new_schema();
    let engines = engines.apart(&schema, environment);
    for (_, database) in engines.databases() {
        make_schema_in(database, &schema).await?;
    }
    engines.migrate().await?;
    Ok(engines)
}

fn new_schema() -> String {
    format!("test_{}", uuid::Uuid::new_v4().simple())
}

/// What new parts of star-collector run on: `None` is files.
pub async fn of_new_measurements() -> anyhow::Result<Option<Engines>> {
    let Some(folder) = engines::named() else {
        return Ok(None);
    };
    let environment = new_environment(MEASUREMENTS).await?;
    let engines = Engines::read(&folder.join("engines.toml"))?;
    let engines = aggregate_apart(engines, &environment).await?;
    Ok(Some(engines))
}

/// The same engines with new tables of the aggregator.
pub async fn with_new_tables(engines: Engines) -> anyhow::Result<Engines> {
    let environment = engines.environment().to_owned();
    aggregate_apart(engines, &environment).await
}

/// Engines on which the aggregator's tables are nobody else's.
pub(super) async fn aggregate_apart(
    engines: Engines,
    environment: &str,
) -> anyhow::Result<Engines> {
    let schema = new_schema();
    let engines = engines.apart(&schema, environment);
    make_schema_in(engines.star_aggregate_database(), &schema).await?;
    engines.migrate_aggregate().await?;
    Ok(engines)
}

async fn make_schema_in(database: &Database, schema: &str) -> anyhow::Result<()> {
    let owner = database.url_of_owner()?;
    make_schema_as(owner.expose_secret(), database.name(), schema).await;
    Ok(())
}

/// An environment that has the topics of `file`.
async fn new_environment(file: &'static str) -> anyhow::Result<String> {
    let mut ready = READY.lock().await;
    let ready = ready.entry(file).or_default();
    if ready.is_empty() {
        let made = (0..READY_AT_ONCE).map(|_| format!("test-{}", uuid::Uuid::new_v4().simple()));
        let made: Vec<_> = made.collect();
        make_topics(&made.join(","), file).await?;
        *ready = made;
    }
    ready.pop().context("there is none left")
}

async fn make_topics(environments: &str, file: &str) -> anyhow::Result<()> {
    make_topics_on(&engines::folder(), environments, file).await
}

/// Makes topics in the broker of the engines in `folder`.
pub(super) async fn make_topics_on(
    folder: &Path,
    environments: &str,
    file: &str,
) -> anyhow::Result<()> {
    let arguments = [
        folder.as_os_str(),
        environments.as_ref(),
        "forever".as_ref(),
        file.as_ref(),
    ];
    script("topics", &arguments).await
}

/// Deletes the topics of a world, and makes them again.
pub(crate) async fn make_topics_anew(engines: &Engines) -> anyhow::Result<()> {
    delete_topics(engines, &topics_of(engines)?).await?;
    make_missing_topics(engines).await
}

/// Makes the topics of a world that are not there.
pub async fn make_missing_topics(engines: &Engines) -> anyhow::Result<()> {
    make_topics(engines.environment(), VOTES).await
}

/// Deletes topics, and waits until the broker shows them no more.
pub async fn delete_topics(engines: &Engines, topics: &BTreeSet<String>) -> anyhow::Result<()> {
    let admin = admin(engines)?;
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    for deleted in admin.delete_topics(&topics, &AdminOptions::new()).await? {
        deleted.map_err(|(topic, error)| anyhow::anyhow!("{topic} stays: {error}"))?;
    }
    // The broker shows them a moment longer: what is made anew would be taken for the old, and be gone with it.
    let forgotten = async {
        while are_known(&admin, &topics)? {
            sleep(LOOK_AGAIN).await;
        }
        anyhow::Ok(())
    };
    let forgotten = timeout(FORGOTTEN_WITHIN, forgotten).await;
    forgotten.context("the broker still shows topics that were deleted")?
}

/// Makes one more topic, which an operator would for a channel.
pub(crate) async fn make_topic(
    engines: &Engines,
    topic: &str,
    partitions: u32,
) -> anyhow::Result<()> {
    let partitions = i32::try_from(partitions)?;
    let topic = NewTopic::new(topic, partitions, TopicReplication::Fixed(1))
        .set("retention.ms", "-1")
        .set("message.timestamp.after.max.ms", "9223372036854775807");
    // It must live until the answer is there.
    let admin = admin(engines)?;
    for made in admin.create_topics([&topic], &AdminOptions::new()).await? {
        made.map_err(|(topic, error)| anyhow::anyhow!("{topic} is not made: {error}"))?;
    }
    Ok(())
}

fn admin(engines: &Engines) -> anyhow::Result<AdminClient<DefaultClientContext>> {
    let path = |path: PathBuf| path.to_string_lossy().into_owned();
    let ClientTls {
        ca_file,
        certificate_file,
        key_file,
    } = engines.access("admin").tls;
    let admin = ClientConfig::new()
        .set("bootstrap.servers", engines.brokers())
        .set("security.protocol", "ssl")
        .set("ssl.ca.location", path(ca_file))
        .set("ssl.certificate.location", path(certificate_file))
        .set("ssl.key.location", path(key_file))
        .create()?;
    Ok(admin)
}

/// Whether the broker still shows any of these topics.
fn are_known(admin: &AdminClient<DefaultClientContext>, topics: &[&str]) -> anyhow::Result<bool> {
    let known = admin.inner().fetch_metadata(None, ANSWERED_WITHIN)?;
    let mut names = known.topics().iter().map(MetadataTopic::name);
    Ok(names.any(|name| topics.contains(&name)))
}

/// The topics of a world.
pub(crate) fn topics_of(engines: &Engines) -> anyhow::Result<BTreeSet<String>> {
    let partitions = partitions_of(engines)?;
    Ok(partitions.into_iter().map(|(topic, _)| topic).collect())
}

/// The bytes of the segments of a world's topics, as `event-log.db/topic-partition/segment`.
pub(crate) fn segments_of(engines: &Engines) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let mut segments = BTreeMap::new();
    for (_, folder) in partitions_of(engines)? {
        for file in files_of(&folder, &["log"])? {
            let name = file.strip_prefix(folder.parent().unwrap_or(&folder))?;
            let name = format!("event-log.db/{}", name.display());
            segments.insert(name, fs::read(&file)?);
        }
    }
    Ok(segments)
}

/// The partitions of a world's topics, as the broker has them on its disk: their topics and folders.
fn partitions_of(engines: &Engines) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let mut partitions = Vec::new();
    for entry in fs::read_dir(engines::folder().join("kafka/data"))? {
        let folder = entry?.path();
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let Some((topic, partition)) = name.rsplit_once('-') else {
            continue;
        };
        let of_world = topic
            .strip_prefix(engines.environment())
            .is_some_and(|rest| rest.starts_with('.'));
        // Folders of topics that were deleted have other names, for a while.
        if of_world && partition.parse::<u32>().is_ok() {
            partitions.push((topic.to_owned(), folder.clone()));
        }
    }
    partitions.sort();
    Ok(partitions)
}

/// The files with the passwords of roles, and the private keys of certificates.
pub(crate) fn secret_files() -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for folder in ["certificates", "main", "registry", "votes"] {
        files.extend(files_of(
            &engines::folder().join(folder),
            &["key", "password"],
        )?);
    }
    Ok(files)
}

fn files_of(folder: &Path, ends: &[&str]) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let end = path.extension().unwrap_or_default().to_string_lossy();
        if path.is_file() && ends.contains(&&*end) {
            files.push(path.clone());
        }
    }
    files.sort();
    Ok(files)
}
