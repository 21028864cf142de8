//! The settings. `randomness.default.toml` names each of them and says what it does.

use anyhow::{Context as _, ensure};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use service_kit::{
    config::Sources, crypto::CryptoSettings, db::DatabaseSettings, secret::SecretFile,
    service::HttpSettings,
};

use super::domain::{InstanceName, Schedule};

/// The name of the service in settings and logs.
pub const SERVICE: &str = "star-randomness";

/// The file of defaults.
pub const DEFAULTS: &str = include_str!("../../randomness.default.toml");

/// The most instances: each has a key that is looked at by a job.
const INSTANCES_MAX: usize = 64;

/// The settings of the randomness service.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What is logged.
    pub log_level: String,
    /// The names of the instances, with commas between them. The first is the default.
    pub instance_name: String,
    /// How long their epochs last, in the same order.
    pub epoch_duration: String,
    /// The number of the first epoch.
    pub first_epoch: u8,
    /// The number of the last epoch.
    pub last_epoch: u8,
    /// When the first epoch of each instance began.
    pub epoch_base_time: DateTime<Utc>,
    /// The section `[database]`.
    pub database: DatabaseSettings,
    /// The section `[keys]`.
    pub keys: Keys,
    /// The section `[limits]`.
    pub limits: Limits,
    /// The section `[crypto]`.
    pub crypto: CryptoSettings,
    /// The section `[http]`.
    pub http: HttpSettings,
}

/// How keys are sealed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// What data keys are sealed under.
    pub sealing_key_file: SecretFile,
    /// What they were sealed under before.
    pub older_sealing_key_files: Vec<SecretFile>,
}

/// The bounds on requests.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Points in one request.
    pub points_max: usize,
    /// The largest body of a request.
    pub body_bytes_max: usize,
}

impl Config {
    /// The defaults, to which more is added before they are loaded.
    pub fn sources() -> Sources {
        Sources::defaults(SERVICE, DEFAULTS)
    }

    /// The instances with their schedules: one at least, all of different names.
    pub fn schedules(&self) -> anyhow::Result<Vec<(InstanceName, Schedule)>> {
        let (names, durations) = (list(&self.instance_name), list(&self.epoch_duration));
        ensure!(
            names.len() == durations.len(),
            "instance_name has {} names and epoch_duration {} durations: write one for each",
            names.len(),
            durations.len()
        );
        ensure!(
            names.len() <= INSTANCES_MAX,
            "there are more than {INSTANCES_MAX} instances"
        );
        let mut schedules: Vec<(InstanceName, Schedule)> = Vec::new();
        for (name, duration) in std::iter::zip(names, durations) {
            let name: InstanceName = name.parse().context("instance_name")?;
            let is_new = schedules.iter().all(|(other, _)| *other != name);
            ensure!(is_new, "instance_name has {name} twice");
            let duration = duration.parse().context("epoch_duration")?;
            let epochs = (self.first_epoch, self.last_epoch);
            let schedule = Schedule::new(self.epoch_base_time, duration, epochs)?;
            schedules.push((name, schedule));
        }
        Ok(schedules)
    }
}

/// The texts between commas.
fn list(text: &str) -> Vec<&str> {
    text.split(',').map(str::trim).collect()
}

#[cfg(test)]
mod tests {
    use service_kit::config::checks;

    use super::*;

    #[test]
    fn the_defaults_are_complete() {
        checks::defaults_are_complete::<Config>(DEFAULTS).unwrap();
    }

    #[test]
    fn misspellings_are_refused() {
        checks::misspellings_are_refused::<Config>(DEFAULTS).unwrap();
    }

    #[test]
    fn the_database_url_is_not_shown() {
        checks::secret_is_not_shown::<Config>(DEFAULTS, "database.url").unwrap();
    }

    fn schedules(names: &str, durations: &str) -> Result<Vec<String>, String> {
        let config: Config = Config::sources()
            .set("instance_name", names)
            .set("epoch_duration", durations)
            .load()
            .unwrap();
        let schedules = config.schedules().map_err(|error| format!("{error:#}"))?;
        let shown = schedules
            .iter()
            .map(|(name, schedule)| format!("{name} {schedule}"));
        Ok(shown.collect())
    }

    #[test]
    fn each_instance_has_a_schedule_of_its_own() {
        assert_eq!(
            schedules("typical, express", "1w,1d").unwrap(),
            [
                "typical 2024-01-01T00:00:00Z/604800s/0-255",
                "express 2024-01-01T00:00:00Z/86400s/0-255"
            ]
        );
    }

    #[test]
    fn lists_that_do_not_fit_each_other_are_refused() {
        for (names, durations, why) in [
            ("a,b", "1w", "one for each"),
            ("a,a", "1w,1d", "twice"),
            ("a,", "1w,1d", "letters"),
            ("", "1w", "letters"),
            ("a", "week", "an epoch lasts"),
            (&["a"; 65].join(","), &["1w"; 65].join(","), "more than 64"),
        ] {
            let refused = schedules(names, durations).unwrap_err();
            assert!(refused.contains(why), "{names} {durations}: {refused}");
        }
    }
}
