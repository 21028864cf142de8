//! What the aggregator runs on: a log that grows, and a database that is new in each turn.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, ensure};
use blindtally::system::{Engines, Settings};
use chrono::TimeDelta;
use indicatif::{ProgressBar, ProgressStyle};
use rand::{SeedableRng as _, rngs::StdRng};
use service_kit::event_log::{self, Access, EventLog, NewRecord, TopicSettings};
use star_collector::{
    aggregate::{Config, config::DEFAULTS},
    domain::{channel::Channel, wire::Message},
    factory::Factory,
};
use tempfile::TempDir;
use test_kit::{engines, programs};

use super::{EPOCH_BASE, K, NUMBER, sent_at};
use crate::{
    stage::EngineSet,
    star::population::{LAYERS, Population},
};

/// How many records are appended at once.
const APPEND: usize = 5_000;

/// Everything that a run needs.
pub(super) struct Ground {
    dir: PathBuf,
    engines: Option<Engines>,
    channel: Channel,
    partitions: u32,
    log: Arc<dyn EventLog>,
    /// How many messages the log holds.
    messages: u64,
    /// Removed with all that is in it, unless somebody keeps a folder.
    _folder: Option<TempDir>,
}

impl Ground {
    /// A new one, or what is in the folder `kept`.
    pub(super) async fn open(set: EngineSet, kept: Option<&Path>) -> anyhow::Result<Self> {
        let (dir, folder) = if let Some(kept) = kept {
            (kept.to_owned(), None)
        } else {
            let folder = tempfile::tempdir()?;
            (folder.path().to_owned(), Some(folder))
        };
        fs::create_dir_all(&dir)?;
        let engines = match set {
            EngineSet::Embedded => None,
            EngineSet::Real => {
                ensure!(kept.is_none(), "real engines keep their log themselves");
                let engines = engines::of_new_measurements().await?;
                Some(engines.context(
                    "real engines need `--features engines`, and BLINDTALLY_ENGINES with the folder of \
                     `deploy/engines/up`",
                )?)
            }
        };
        let file = write_settings(&dir, engines.as_ref())?;
        let config = read_settings(&file)?;
        let log = match &engines {
            None => open_log(&dir).await?,
            Some(engines) => event_log::open(engines.event_log(), &engines.access("admin")).await?,
        };
        let mut ground = Self {
            channel: config.channel.channel()?,
            partitions: config.event_log.partitions,
            dir,
            engines,
            log,
            messages: 0,
            _folder: folder,
        };
        ground.ensure_topics().await?;
        if ground.engines.is_none() {
            ground.messages = ground.end().await?;
        }
        Ok(ground)
    }

    /// How many messages there are in a log whose offsets have no gaps.
    async fn end(&self) -> anyhow::Result<u64> {
        let mut end = 0;
        for partition in 0..self.partitions {
            end += self.log.end(&self.channel.input_topic, partition).await?;
        }
        Ok(end)
    }

    async fn ensure_topics(&self) -> anyhow::Result<()> {
        let settings = TopicSettings {
            partitions: self.partitions,
            retention: TimeDelta::days(400),
        };
        for topic in [&self.channel.input_topic, &self.channel.output_topic] {
            self.log.ensure_topic(topic, settings).await?;
        }
        Ok(())
    }

    /// Has the log hold so many messages.
    pub(super) async fn fill(&mut self, messages: u64) -> anyhow::Result<()> {
        let there = self.messages;
        ensure!(there <= messages, "the log has {there} messages already");
        let (population, mut factory) = (Population::new(), Factory::new(NUMBER, K));
        // Each part that is added has clients of its own.
        let mut random = StdRng::seed_from_u64(there);
        let mut appender = self.log.appender().await?;
        let mut records = Vec::with_capacity(APPEND);
        let bar = ProgressBar::new(messages - there).with_style(ProgressStyle::with_template(
            "making messages {wide_bar} {pos} of {len}",
        )?);
        for made in there..messages {
            let value = factory.message(&population.draw(&mut random), &mut random);
            records.push(NewRecord {
                headers: Vec::new(),
                topic: self.channel.input_topic.clone(),
                key: Message::read(&value, LAYERS)?.outer.tag.to_vec(),
                value,
                timestamp: sent_at()?,
            });
            if records.len() == APPEND || made + 1 == messages {
                appender.append(&records).await?;
                bar.inc(u64::try_from(records.len())?);
                records.clear();
            }
        }
        bar.finish_and_clear();
        self.messages = messages;
        Ok(())
    }

    /// The settings of a run on a new database.
    pub(super) async fn turn(&self) -> anyhow::Result<PathBuf> {
        if let Some(engines) = &self.engines {
            let engines = engines::with_new_tables(engines.clone()).await?;
            return write_settings(&self.dir, Some(&engines));
        }
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if name.is_some_and(|name| name.starts_with("aggregate.db")) {
                fs::remove_file(path)?;
            }
        }
        write_settings(&self.dir, None)
    }
}

/// Opens the embedded log in a folder.
pub(in crate::star) async fn open_log(dir: &Path) -> anyhow::Result<Arc<dyn EventLog>> {
    Ok(event_log::open(&log_in(dir), &Access::default()).await?)
}

fn log_in(dir: &Path) -> String {
    format!("embedded:{}", dir.join("log.db").display())
}

/// Writes the aggregator's settings, which are the defaults where nothing else is said.
fn write_settings(dir: &Path, engines: Option<&Engines>) -> anyhow::Result<PathBuf> {
    let mut settings = match engines {
        None => {
            let database = format!("sqlite:{}", dir.join("aggregate.db").display());
            let mut settings = Settings::default();
            settings
                .set("event_log.url", log_in(dir))
                .set("database.url", database);
            settings
        }
        Some(engines) => {
            let topic = |kind| format!("{}.p3a-star-{kind}", engines.environment());
            let mut settings = engines.star_aggregate()?;
            settings
                .set("channel.input_topic", topic("enc"))
                .set("channel.output_topic", topic("out"));
            settings
        }
    };
    settings
        .set("channel.k", K)
        .set("channel.layers", LAYERS)
        .set("channel.epoch_base_time", EPOCH_BASE);
    let file = dir.join("aggregate.toml");
    programs::write_settings(&file, DEFAULTS, &settings)?;
    Ok(file)
}

/// The settings in a file.
pub(super) fn read_settings(file: &Path) -> anyhow::Result<Config> {
    Ok(Config::sources().file(Some(file.to_owned())).load()?)
}
