//! The channels that messages are taken for.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::ensure;
use service_kit::{
    event_log::{self, EventLog, TopicSettings, TopicUse},
    telemetry::SlowCounter,
};

use super::version::Version;
use crate::domain::channel::Channel;

/// A channel, and whose messages it keeps.
#[derive(Clone, Debug)]
pub struct Entrance {
    /// The channel.
    pub channel: Channel,
    /// The oldest version of clients whose messages are kept. `None`: all are.
    pub minimum_version: Option<Version>,
}

impl Entrance {
    /// Whether the messages of a client are kept that says this version, or none.
    pub fn keeps(&self, version: Option<Version>) -> bool {
        self.minimum_version.is_none() || version >= self.minimum_version
    }
}

/// An entrance, and what went through it. The counters move once per interval: nobody can watch single messages come.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    pub(super) entrance: Entrance,
    pub(super) kept: SlowCounter,
    pub(super) dropped: SlowCounter,
    pub(super) refused: SlowCounter,
}

impl From<Entrance> for Counted {
    fn from(entrance: Entrance) -> Self {
        let counter = |what| {
            let channel = entrance.channel.name.clone();
            SlowCounter::new(metrics::counter!(
                "blindtally_star_collected_total", "channel" => channel, "what" => what
            ))
        };
        Self {
            kept: counter("kept"),
            dropped: counter("old_client"),
            refused: counter("refused"),
            entrance,
        }
    }
}

/// All channels by their names.
#[derive(Clone, Debug)]
pub struct Channels {
    default: Arc<Counted>,
    all: BTreeMap<String, Arc<Counted>>,
}

impl Channels {
    /// The default channel and the others, no two of which may have a name or a topic in common: the aggregator of one
    /// would read what is another's.
    pub fn new(default: Entrance, others: Vec<Entrance>) -> anyhow::Result<Self> {
        let default = Arc::new(Counted::from(default));
        let mut all = BTreeMap::new();
        all.insert(default.entrance.channel.name.clone(), Arc::clone(&default));
        for entrance in others {
            let Channel {
                name, input_topic, ..
            } = &entrance.channel;
            let is_another = |one: &Arc<Counted>| one.entrance.channel.input_topic != *input_topic;
            ensure!(
                !all.contains_key(name) && all.values().all(is_another),
                "there is another channel with the name or the input topic of {name}"
            );
            all.insert(name.clone(), Arc::new(entrance.into()));
        }
        Ok(Self { default, all })
    }

    /// The channel whose messages come without a name.
    pub fn default_one(&self) -> &Entrance {
        &self.default.entrance
    }

    /// The channel that is called so; the default one for no name.
    pub(super) fn named(&self, name: Option<&str>) -> Option<Arc<Counted>> {
        let Some(name) = name else {
            return Some(Arc::clone(&self.default));
        };
        self.all.get(name).cloned()
    }

    /// All of them, in the order of their names.
    pub fn all(&self) -> impl Iterator<Item = &Channel> {
        self.all.values().map(|one| &one.entrance.channel)
    }

    /// What collect does with topics: it writes, and reads none.
    pub fn uses(&self) -> Vec<TopicUse> {
        let topics = self.all();
        topics
            .map(|channel| TopicUse::write(&channel.input_topic))
            .collect()
    }

    /// Makes the topics that messages go to, where nobody else does.
    pub async fn ensure_topics(
        &self,
        log: &dyn EventLog,
        settings: TopicSettings,
    ) -> event_log::Result<()> {
        for one in self.uses() {
            log.ensure_topic(&one.topic, settings).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{aggregate::Config, collect::config};

    fn entrance(name: &str, topic: &str) -> Entrance {
        let settings = Config::sources()
            .set("channel.name", name)
            .set("channel.input_topic", topic);
        let config: Config = settings.load().unwrap();
        Entrance {
            channel: config.channel.channel().unwrap(),
            minimum_version: None,
        }
    }

    #[test]
    fn a_name_or_a_topic_is_one_channels() {
        let channels = |name, topic| Channels::new(entrance("a", "1"), vec![entrance(name, topic)]);

        assert_eq!(channels("b", "2").unwrap().uses().len(), 2);
        assert!(channels("a", "2").is_err());
        assert!(channels("b", "1").is_err());
    }

    #[test]
    fn clients_below_the_minimum_and_those_that_say_none_are_not_kept() {
        let config = config::Config::sources()
            .set("clients.minimum_version", "3")
            .load::<config::Config>();
        let channels = config.unwrap().channels().unwrap();
        let keeps = |text: &str| channels.default_one().keeps(text.parse().ok());

        assert!(keeps("3") && keeps("10") && keeps("3.0.1"));
        assert!(!keeps("2.9") && !keeps(""));
        assert!(entrance("a", "1").keeps(None));
    }
}
