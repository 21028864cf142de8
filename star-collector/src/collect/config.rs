//! The settings. `collect.default.toml` names each of them and says what it does.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use chrono::TimeDelta;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use service_kit::{
    config::Sources,
    event_log::{self, EventLog, TopicSettings},
    group::GroupLimits,
    service::HttpSettings,
    tls::ClientTls,
};

use super::{
    channels::{Channels, Entrance},
    version::Version,
};
use crate::channels::ChannelSettings;

/// How long a transaction of the log waits for more messages after a batch of several: those who were answered are about to send.
const GATHER: Duration = Duration::from_millis(2);

/// The name of this part in settings and logs.
pub const SERVICE: &str = "star-collect";

/// The file of defaults.
pub const DEFAULTS: &str = include_str!("../../collect.default.toml");

/// The settings of collect.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What is logged.
    pub log_level: String,
    /// What names in the cluster begin with.
    pub environment: String,
    /// The section `[event_log]`.
    pub event_log: EventLogSettings,
    /// The section `[channel]`: the one whose messages come to `/`, too.
    pub channel: ChannelSettings,
    /// The section `[clients]`.
    pub clients: ClientSettings,
    /// The section `[channels]`.
    pub channels: MoreChannels,
    /// The section `[limits]`.
    pub limits: LimitSettings,
    /// The section `[http]`.
    pub http: HttpSettings,
}

/// Where the topics are.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventLogSettings {
    /// The URL of the log, which may hold a password.
    pub url: SecretString,
    /// How many partitions topics have that are made here.
    pub partitions: u32,
    /// How long records stay in topics that are made here.
    pub retention_days: u32,
    /// Whom to trust in a cluster, and the certificate to show.
    pub tls: ClientTls,
}

/// Whose messages a channel keeps.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientSettings {
    minimum_version: String,
}

/// The channels beside the default one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoreChannels {
    files: Vec<PathBuf>,
}

/// A file with one more channel. With its section `[channel]` alone, it can be the aggregator's file of settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChannelFile {
    channel: ChannelSettings,
    #[serde(default)]
    clients: ClientSettings,
}

/// What may wait.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitSettings {
    batch_messages_max: usize,
    waiting_messages_max: usize,
}

impl Config {
    /// The defaults, to which more is added before they are loaded.
    pub fn sources() -> Sources {
        Sources::defaults(SERVICE, DEFAULTS)
    }

    /// Opens the log of the topics.
    pub async fn open_log(&self) -> event_log::Result<Arc<dyn EventLog>> {
        event_log::open(self.event_log.url.expose_secret(), &self.log_access()).await
    }

    /// As whom collect comes to a cluster.
    pub fn log_access(&self) -> event_log::Access {
        event_log::Access {
            tls: self.event_log.tls.clone(),
            prefix: format!("{}.{SERVICE}", self.environment),
        }
    }

    /// What topics are like that are made here.
    pub fn topic_settings(&self) -> TopicSettings {
        TopicSettings {
            partitions: self.event_log.partitions,
            retention: TimeDelta::days(self.event_log.retention_days.into()),
        }
    }

    /// All channels, those in files of their own, too.
    pub fn channels(&self) -> anyhow::Result<Channels> {
        let default = entrance(&self.channel, &self.clients)?;
        let mut others = Vec::new();
        for file in &self.channels.files {
            let name = || format!("the channel in {}", file.display());
            let sources = Sources::defaults(SERVICE, "").file(Some(file.clone()));
            let read: ChannelFile = sources.load().with_context(name)?;
            others.push(entrance(&read.channel, &read.clients).with_context(name)?);
        }
        Channels::new(default, others)
    }
}

fn entrance(channel: &ChannelSettings, clients: &ClientSettings) -> anyhow::Result<Entrance> {
    let text = clients.minimum_version.as_str();
    let minimum = (!text.is_empty()).then(|| text.parse::<Version>());
    Ok(Entrance {
        channel: channel.channel()?,
        minimum_version: minimum.transpose().context("clients.minimum_version")?,
    })
}

impl LimitSettings {
    /// The bounds of what waits for the log. Appends go one after the other: a record that is on its way alone would
    /// only have the next ones wait.
    pub fn group(&self) -> anyhow::Result<GroupLimits> {
        ensure!(
            self.batch_messages_max > 0 && self.waiting_messages_max > 0,
            "limits.batch_messages_max and limits.waiting_messages_max must be at least 1"
        );
        Ok(GroupLimits {
            lanes: 1,
            batch_max: self.batch_messages_max,
            waiting_max: self.waiting_messages_max,
            gather: GATHER,
        })
    }
}

#[cfg(test)]
mod tests {
    use service_kit::config::checks;

    use super::*;

    #[test]
    fn the_defaults_are_complete_and_make_a_channel() {
        checks::defaults_are_complete::<Config>(DEFAULTS).unwrap();

        let config: Config = Config::sources().load().unwrap();

        let channels = config.channels().unwrap();
        assert_eq!(channels.default_one().channel.name, "typical");
        config.limits.group().unwrap();
    }

    #[test]
    fn misspellings_are_refused() {
        checks::misspellings_are_refused::<Config>(DEFAULTS).unwrap();
    }

    #[test]
    fn urls_are_not_shown() {
        checks::secret_is_not_shown::<Config>(DEFAULTS, "event_log.url").unwrap();
    }

    #[test]
    fn the_section_of_a_channel_is_the_aggregators() {
        let section = |text: &str| {
            let (_, rest) = text.split_once("\n[channel]\n").unwrap();
            rest.split("\n[").next().unwrap().trim().to_owned()
        };

        assert_eq!(
            section(DEFAULTS),
            section(crate::aggregate::config::DEFAULTS)
        );
    }

    #[test]
    fn rules_that_make_no_sense_are_refused() {
        let load = |name: &str, value: &str| -> Config {
            Config::sources().set(name, value).load().unwrap()
        };
        let set = load("clients.minimum_version", "three");
        assert!(set.channels().is_err());
        for name in ["limits.batch_messages_max", "limits.waiting_messages_max"] {
            assert!(load(name, "0").limits.group().is_err(), "{name}");
        }
    }
}
