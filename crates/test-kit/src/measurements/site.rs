//! Where star-collector's parts keep what they store, files or engines; `running` starts them there.

mod running;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use blindtally::system::{Engines, Settings};
use chrono::TimeDelta;
use secrecy::ExposeSecret as _;
use service_kit::event_log::{self, BATCH_RECORDS_MAX, EventLog, NewRecord, TopicSettings};
use star_collector::{aggregate, collect, domain::channel::Channel};

use super::Reports;
use crate::{backups::Place, database::Database, engines, programs, stored, stores};

/// The channel whose topics an operator's cluster has from the start.
pub const DEFAULT_CHANNEL: &str = "typical";

/// How many partitions topics have there.
pub const PARTITIONS: u32 = 8;

/// Whoever is killed while it reads a partition or publishes holds up its successor for so long.
pub const LEASE_SECONDS: u64 = 2;

/// A database, a log, and the programs.
#[derive(Debug)]
pub struct Site {
    dir: PathBuf,
    engines: Option<Engines>,
    programs: PathBuf,
}

/// A channel at a site: its topics are there.
#[derive(Clone, Debug)]
pub struct Lane {
    /// Its rules.
    pub channel: Channel,
    /// The settings of its aggregator.
    pub aggregate: PathBuf,
    /// The settings of collect for it.
    pub collect: PathBuf,
}

/// At which point an aggregator sends itself a signal, and when.
#[derive(Clone, Copy, Debug)]
pub struct Hurt {
    /// The fault point.
    pub point: &'static str,
    /// When it comes there for this time.
    pub times: u64,
    /// `KILL` or `STOP`.
    pub signal: &'static str,
}

impl Site {
    /// A new site with files in `dir`, on the engines that `BLINDTALLY_ENGINES` names, if it names any.
    pub async fn new(dir: &Path) -> anyhow::Result<Self> {
        Self::on(dir, engines::of_new_measurements().await?).await
    }

    /// A new site with files in `dir`, on these engines, or on files.
    pub async fn on(dir: &Path, engines: Option<Engines>) -> anyhow::Result<Self> {
        std::fs::create_dir_all(dir)?;
        Ok(Self {
            dir: dir.to_owned(),
            engines,
            programs: programs::build().await?,
        })
    }

    /// Whether it is on real engines.
    pub fn is_on_engines(&self) -> bool {
        self.engines.is_some()
    }

    /// Opens a channel with these settings of `[channel]` beside its name and topics.
    pub async fn lane(&self, name: &str, terms: &Settings) -> anyhow::Result<Lane> {
        let mut terms = terms.clone();
        terms
            .set("channel.name", name)
            .set("channel.input_topic", self.topic("enc", name))
            .set("channel.output_topic", self.topic("out", name));
        let [aggregate, collect] = [Part::Aggregate, Part::Collect].map(|part| {
            let mut settings = self.settings_of(part)?;
            settings.extend(&terms);
            let file = self.dir.join(format!("{}-{name}.toml", part.principal()));
            programs::write_settings(&file, part.defaults(), &settings).map(|()| file)
        });
        let aggregate = aggregate?;
        let sources = aggregate::Config::sources().file(Some(aggregate.clone()));
        let channel = sources.load::<aggregate::Config>()?.channel.channel()?;
        self.ensure_topics(name, &channel).await?;
        Ok(Lane {
            channel,
            aggregate,
            collect: collect?,
        })
    }

    /// The topic of a channel: in a cluster, tests have environments of their own.
    fn topic(&self, kind: &str, channel: &str) -> String {
        let environment = self.engines.as_ref().map(Engines::environment);
        let prefix = environment.map_or_else(String::new, |name| format!("{name}."));
        match channel {
            DEFAULT_CHANNEL => format!("{prefix}p3a-star-{kind}"),
            other => format!("{prefix}p3a-star-{kind}-{other}"),
        }
    }

    async fn ensure_topics(&self, name: &str, channel: &Channel) -> anyhow::Result<()> {
        let topics = [&channel.input_topic, &channel.output_topic];
        if let Some(engines) = &self.engines {
            for topic in topics.into_iter().filter(|_| name != DEFAULT_CHANNEL) {
                engines::make_topic(engines, topic, PARTITIONS).await?;
            }
            return Ok(());
        }
        let settings = TopicSettings {
            partitions: PARTITIONS,
            retention: TimeDelta::days(400),
        };
        let log = self.log("admin").await?;
        for topic in topics {
            log.ensure_topic(topic, settings).await?;
        }
        log.close().await;
        Ok(())
    }

    /// What a part is told wherever it runs.
    fn settings_of(&self, part: Part) -> anyhow::Result<Settings> {
        let mut settings = self.place_of(part)?;
        settings
            .set("log_level", "info")
            .set("event_log.partitions", PARTITIONS);
        match part {
            Part::Aggregate => settings.set("event_log.lease_seconds", LEASE_SECONDS),
            // All clients come from one address.
            Part::Collect => settings
                .set("http.connections_per_client_max", 1_000)
                .set("http.rate_limit.units_per_minute", 0),
        };
        Ok(settings)
    }

    /// Where a part finds the log and its database.
    fn place_of(&self, part: Part) -> anyhow::Result<Settings> {
        if let Some(engines) = &self.engines {
            return match part {
                Part::Aggregate => engines.star_aggregate(),
                Part::Collect => Ok(engines.star_collect()),
            };
        }
        let mut settings = Settings::default();
        settings.set("event_log.url", self.embedded());
        if part == Part::Aggregate {
            let file = self.database_file();
            settings.set("database.url", format!("sqlite:{}", file.display()));
        }
        Ok(settings)
    }

    fn embedded(&self) -> String {
        format!("embedded:{}", self.dir.join("event-log.db").display())
    }

    fn database_file(&self) -> PathBuf {
        self.dir.join("star-aggregate.db")
    }

    /// Opens the aggregator's database beside it; in PostgreSQL as the role that owns the tables.
    pub async fn database(&self) -> anyhow::Result<Database> {
        match &self.engines {
            None => Database::of_file(&self.database_file()).await,
            Some(engines) => {
                let url = engines.star_aggregate_database().url_of_owner()?;
                Database::of_url(url.expose_secret()).await
            }
        }
    }

    /// Keeps a copy of the aggregator's database, while no aggregator runs.
    pub async fn back_up(&self) -> anyhow::Result<()> {
        self.place().back_up(&self.copy()).await
    }

    /// Puts the copy in the place of the aggregator's database, while no aggregator runs.
    pub async fn restore(&self) -> anyhow::Result<()> {
        self.place().restore(&self.copy()).await
    }

    fn place(&self) -> Place<'_> {
        match &self.engines {
            None => Place::File(self.database_file()),
            Some(engines) => Place::Engine(engines.star_aggregate_database()),
        }
    }

    fn copy(&self) -> PathBuf {
        self.dir.join("star-aggregate.copy")
    }

    /// Opens the event log as somebody.
    pub async fn log(&self, principal: &str) -> anyhow::Result<Arc<dyn EventLog>> {
        let log = match &self.engines {
            None => event_log::open(&self.embedded(), &event_log::Access::default()).await,
            Some(engines) => event_log::open(engines.event_log(), &engines.access(principal)).await,
        };
        Ok(log?)
    }

    /// Has messages appended, as collect does.
    pub async fn append(&self, records: &[NewRecord]) -> anyhow::Result<()> {
        let log = self.log(Part::Collect.principal()).await?;
        let mut appender = log.appender().await?;
        for some in records.chunks(BATCH_RECORDS_MAX as usize) {
            appender.append(some).await?;
        }
        drop(appender);
        log.close().await;
        Ok(())
    }

    /// Everything that was ever published of a channel.
    pub async fn reports(&self, lane: &Lane) -> anyhow::Result<Reports> {
        let log = self.log("admin").await?;
        let mut reports = Reports::default();
        for (_, record) in stores::records(&*log, &lane.channel.output_topic).await? {
            reports.add(&record.value)?;
        }
        log.close().await;
        Ok(reports)
    }

    /// The bytes of all that is stored: of a channel's topics, of each table, and of the files that they are in.
    pub async fn kept(&self, lane: &Lane) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
        let mut database = self.database().await?;
        let mut values = stored::values_of(&mut database, "star-aggregate.db", None).await?;
        let log = self.log("admin").await?;
        for topic in [&lane.channel.input_topic, &lane.channel.output_topic] {
            for (partition, record) in stores::records(&*log, topic).await? {
                values.extend(stored::values_of_record(topic, partition, &record));
            }
        }
        log.close().await;
        let mut kept = stored::dumps(values);
        kept.extend(match &self.engines {
            None => stored::files_in(&self.dir)?,
            Some(engines) => engines::segments_of(engines)?,
        });
        Ok(kept)
    }
}

/// A part that reads or writes topics.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Part {
    Aggregate,
    Collect,
}

impl Part {
    /// What its certificate is called.
    fn principal(self) -> &'static str {
        match self {
            Self::Aggregate => aggregate::config::SERVICE,
            Self::Collect => collect::config::SERVICE,
        }
    }

    fn defaults(self) -> &'static str {
        match self {
            Self::Aggregate => aggregate::config::DEFAULTS,
            Self::Collect => collect::config::DEFAULTS,
        }
    }
}
