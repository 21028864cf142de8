//! The settings. `aggregate.default.toml` names each of them and says what it does.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::ensure;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use service_kit::{
    config::Sources,
    db::DatabaseSettings,
    event_log::{self, EventLog},
    tls::ClientTls,
};

use super::{
    memory::{MEMORY_BYTES_MIN, MemoryBound},
    worker::Limits,
};
use crate::channels::ChannelSettings;

/// The name of this part in settings and logs.
pub const SERVICE: &str = "star-aggregate";

/// The file of defaults.
pub const DEFAULTS: &str = include_str!("../../aggregate.default.toml");

/// What waits for one group of each of so many layers must fit into a batch's memory.
const LAYERS_MAX: usize = 8;

/// The settings of the aggregator.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What is logged.
    pub log_level: String,
    /// What names in the cluster begin with.
    pub environment: String,
    /// Where `/livez`, `/readyz` and `/metrics` are served with `--every`.
    pub admin_listen: SocketAddr,
    /// The section `[database]`.
    pub database: DatabaseSettings,
    /// The section `[event_log]`.
    pub event_log: EventLogSettings,
    /// The section `[channel]`.
    pub channel: ChannelSettings,
    /// The section `[limits]`.
    pub limits: LimitSettings,
}

/// Where the topics are, and how they are read.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventLogSettings {
    /// The URL of the log, which may hold a password.
    pub url: SecretString,
    /// How long a lease lasts.
    pub lease_seconds: u32,
    /// How many partitions topics have that are made here.
    pub partitions: u32,
    /// How long records stay in topics that are made here.
    pub retention_days: u32,
    /// Whom to trust in a cluster, and the certificate to show.
    pub tls: ClientTls,
}

/// The bounds of a run.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitSettings {
    batch_messages: usize,
    memory_bytes_max: usize,
    waiting_bytes_per_group_max: u64,
    pending_bytes_max: u64,
    lag_min: u64,
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

    /// As whom the aggregator comes to a cluster.
    pub fn log_access(&self) -> event_log::Access {
        event_log::Access {
            tls: self.event_log.tls.clone(),
            prefix: format!("{}.{SERVICE}", self.environment),
        }
    }

    /// How long a lease lasts.
    pub fn lease_lasts(&self) -> Duration {
        Duration::from_secs(self.event_log.lease_seconds.into())
    }
}

impl LimitSettings {
    /// The bounds of a run.
    pub fn limits(&self) -> anyhow::Result<Limits> {
        ensure!(
            self.batch_messages > 0,
            "limits.batch_messages must be at least 1"
        );
        ensure!(
            self.memory_bytes_max >= MEMORY_BYTES_MIN,
            "limits.memory_bytes_max must be at least {MEMORY_BYTES_MIN}"
        );
        let memory = MemoryBound(self.memory_bytes_max);
        let of_group = memory.batch() / LAYERS_MAX;
        ensure!(
            usize::try_from(self.waiting_bytes_per_group_max).is_ok_and(|bytes| bytes <= of_group),
            "limits.waiting_bytes_per_group_max must be at most {of_group} with this memory_bytes_max"
        );
        Ok(Limits {
            batch_messages: self.batch_messages,
            memory,
            waiting_bytes_per_group_max: self.waiting_bytes_per_group_max,
            pending_bytes_max: self.pending_bytes_max,
            lag_min: self.lag_min,
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

        assert_eq!(config.channel.channel().unwrap().k, 50);
        config.limits.limits().unwrap();
    }

    #[test]
    fn limits_that_do_not_fit_together_are_refused() {
        let refused = |name: &str, value: &str| {
            let config: Config = Config::sources()
                .set(name, value.to_owned())
                .load()
                .unwrap();
            config.limits.limits().unwrap_err().to_string()
        };

        let little = refused("limits.memory_bytes_max", "268435455");
        assert!(little.contains("at least 268435456"), "{little}");
        let much = refused("limits.waiting_bytes_per_group_max", "100000000");
        assert!(much.contains("with this memory_bytes_max"), "{much}");
    }

    #[test]
    fn misspellings_are_refused() {
        checks::misspellings_are_refused::<Config>(DEFAULTS).unwrap();
    }

    #[test]
    fn urls_are_not_shown() {
        for name in ["database.url", "event_log.url"] {
            checks::secret_is_not_shown::<Config>(DEFAULTS, name).unwrap();
        }
    }
}
