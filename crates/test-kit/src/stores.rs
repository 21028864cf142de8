//! Where a system keeps what it stores, and one way in for files and engines alike.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use blindtally::system::{self, Engines};
use secrecy::ExposeSecret as _;
use service_kit::event_log::{self, EventLog, Partition, Record};

use crate::{
    database::Database,
    engines,
    stored::{self, StoredValue},
};

/// What the topics' names begin with in a system on files.
const ENVIRONMENT: &str = "development";

/// The databases and the event log of one system.
///
/// Databases go by the names that their files have.
#[derive(Clone, Debug)]
pub struct Stores {
    pub(crate) dir: PathBuf,
    pub(crate) engines: Option<Engines>,
}

impl Stores {
    /// Those of a system in `dir`, with files or on `engines`.
    pub fn of(dir: &Path, engines: Option<&Engines>) -> Self {
        Self {
            dir: dir.to_owned(),
            engines: engines.cloned(),
        }
    }

    /// Opens a database beside the service that owns it.
    pub async fn open(&self, name: &str) -> anyhow::Result<Database> {
        match &self.engines {
            None => Database::of_file(&self.dir.join(name)).await,
            Some(engines) => open_in(database_of(engines, name)?).await,
        }
    }

    /// Opens a database with no more rights than the service itself has there.
    pub async fn open_as_service(&self, name: &str) -> anyhow::Result<Database> {
        match &self.engines {
            None => self.open(name).await,
            Some(engines) => {
                let url = database_of(engines, name)?.url_of_service()?;
                Database::of_url(url.expose_secret()).await
            }
        }
    }

    /// Opens the event log, as somebody who may do anything with it.
    pub async fn log(&self) -> anyhow::Result<Arc<dyn EventLog>> {
        let log = match &self.engines {
            None => {
                let url = format!("embedded:{}", self.dir.join("event-log.db").display());
                event_log::open(&url, &event_log::Access::default()).await
            }
            Some(engines) => event_log::open(engines.event_log(), &engines.access("admin")).await,
        };
        Ok(log?)
    }

    /// The whole name of a topic like `payment.vote`.
    pub fn topic(&self, name: &str) -> String {
        let environment = self.engines.as_ref().map(Engines::environment);
        format!("{}.{name}", environment.unwrap_or(ENVIRONMENT))
    }

    /// All records of a topic like `payment.vote`, with their partitions.
    pub async fn records(&self, name: &str) -> anyhow::Result<Vec<(Partition, Record)>> {
        let topic = self.topic(name);
        let log = self.log().await?;
        let records = records(&*log, &topic).await;
        log.close().await;
        records.with_context(|| topic)
    }

    /// Every value of every table of all databases, and of every record of all topics.
    pub async fn values(&self) -> anyhow::Result<Vec<StoredValue>> {
        let mut values = Vec::new();
        let Some(engines) = &self.engines else {
            for name in databases_in(&self.dir)? {
                values.extend(self.values_of(&name).await?);
            }
            return Ok(values);
        };
        for (name, _) in engines.databases() {
            values.extend(self.values_of(name).await?);
        }
        let log = self.log().await?;
        for topic in engines::topics_of(engines)? {
            for (partition, record) in records(&*log, &topic).await? {
                values.extend(stored::values_of_record(&topic, partition, &record));
            }
        }
        Ok(values)
    }

    /// Every value of every table of one database.
    pub async fn values_of(&self, name: &str) -> anyhow::Result<Vec<StoredValue>> {
        let engines = self.engines.as_ref();
        let server = engines.map(|engines| anyhow::Ok(database_of(engines, name)?.server()));
        let mut database = self.open(name).await?;
        let values = stored::values_of(&mut database, name, server.transpose()?.as_deref()).await;
        values.with_context(|| name.to_owned())
    }

    /// The files beside the system with passwords and private keys of the engines.
    pub fn secret_files(&self) -> anyhow::Result<Vec<PathBuf>> {
        match self.engines {
            None => Ok(Vec::new()),
            Some(_) => engines::secret_files(),
        }
    }

    /// The bytes of every file of the system but keys and certificates. On engines also a dump of each table, named
    /// `database/table`, and the segments of all topics, named `event-log.db/topic-partition/segment`.
    pub async fn files(&self) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
        let mut files = stored::files_in(&self.dir)?;
        if let Some(engines) = &self.engines {
            files.extend(stored::dumps(self.values().await?));
            files.extend(engines::segments_of(engines)?);
        }
        Ok(files)
    }
}

/// The database that would have a file of this name.
pub(crate) fn database_of<'a>(
    engines: &'a Engines,
    name: &str,
) -> anyhow::Result<&'a system::Database> {
    let mut databases = engines.databases().into_iter();
    let found = databases.find(|(found, _)| *found == name);
    let (_, database) = found.with_context(|| format!("{name} is no database"))?;
    Ok(database)
}

async fn open_in(database: &system::Database) -> anyhow::Result<Database> {
    Database::of_url(database.url_of_owner()?.expose_secret()).await
}

/// All records of a topic, with their partitions.
pub(crate) async fn records(
    log: &dyn EventLog,
    topic: &str,
) -> anyhow::Result<Vec<(Partition, Record)>> {
    let mut records = Vec::new();
    for partition in 0..log.partitions(topic).await? {
        let start = log.bounds(topic, partition).await?.start;
        let mut consumer = log.consumer(topic, vec![(partition, start)]).await?;
        while let Some(batch) = consumer.next().await? {
            let found = batch.records.into_iter();
            records.extend(found.map(|record| (partition, record)));
        }
    }
    Ok(records)
}

fn databases_in(dir: &Path) -> io::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if Path::new(&name)
            .extension()
            .is_some_and(|extension| extension == "db")
        {
            names.insert(name);
        }
    }
    Ok(names)
}
