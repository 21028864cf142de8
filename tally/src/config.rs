//! The settings. `config.default.toml` names each of them and says what it does.

use std::sync::Arc;

use messages::FundingSource;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use service_kit::{
    bearer::BearerSettings, config::Sources, db::DatabaseSettings, event_log, secret::SecretFile,
    service::HttpSettings, tls::ClientTls,
};

/// The name of the service in settings and logs.
pub const SERVICE: &str = "tally";

/// The file of defaults.
pub const DEFAULTS: &str = include_str!("../config.default.toml");

/// The settings of tally.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What is logged.
    pub log_level: String,
    /// What topics begin with.
    pub environment: String,
    /// The section `[database]`.
    pub database: DatabaseSettings,
    /// The section `[event_log]`.
    pub event_log: EventLog,
    /// The section `[ledger]`.
    pub ledger: Ledger,
    /// The section `[closing]`.
    pub closing: Closing,
    /// The section `[retention]`.
    pub retention: Retention,
    /// The section `[directory]`.
    pub directory: Directory,
    /// Who may ask, beside whoever has a certificate.
    pub auth: BearerSettings,
    /// The section `[limits]`.
    pub limits: Limits,
    /// The section `[http]`.
    pub http: HttpSettings,
}

impl Config {
    /// The defaults, to which more is added before they are loaded.
    pub fn sources() -> Sources {
        Sources::defaults(SERVICE, DEFAULTS)
    }

    /// Opens the log of the topics.
    pub async fn open_log(&self) -> event_log::Result<Arc<dyn event_log::EventLog>> {
        event_log::open(self.event_log.url.expose_secret(), &self.log_access()).await
    }

    /// As whom the log is asked.
    pub fn log_access(&self) -> event_log::Access {
        event_log::Access {
            tls: self.event_log.tls.clone(),
            prefix: format!("{}.{SERVICE}", self.environment),
        }
    }
}

/// Where the topics are, and how they are read.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventLog {
    /// The URL of the log, which may hold a password.
    pub url: SecretString,
    /// How long to wait at the end of the topics.
    pub poll_seconds: u32,
    /// How long a lease lasts.
    pub lease_seconds: u32,
    /// How long what the tally writes stays in the log.
    pub retention_days: u32,
    /// Whom to trust in a cluster, and the certificate to show.
    pub tls: ClientTls,
}

/// The ledger.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// What signs heads.
    pub head_key_file: SecretFile,
}

/// How months close.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Closing {
    /// How many days after its end a month closes.
    pub grace_days: u32,
    /// The fee, in hundredths of a percent.
    pub fee_basis_points: u64,
    /// Every funding source.
    pub funding_sources: Vec<FundingSource>,
}

/// How long things are kept.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// For how many months events are remembered.
    pub event_id_months: u32,
}

/// The key directory.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Directory {
    /// The public halves of payments' directory keys, in base64: several while one is changed.
    pub public_keys: Vec<String>,
}

/// What one request may ask for.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The most rows of one answer.
    pub page_rows_max: u32,
    /// How often a minute one client may read the heads of the key directory.
    pub directory_heads_per_minute: u32,
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
    fn urls_are_not_shown() {
        for name in ["database.url", "event_log.url"] {
            let shown = checks::secret_is_not_shown::<Config>(DEFAULTS, name);
            shown.unwrap();
        }
    }
}
