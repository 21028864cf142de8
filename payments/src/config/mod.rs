//! The settings of payments. Each one is explained in `config.default.toml`.

mod orders;
mod votes;

use std::sync::Arc;

use serde::Deserialize;
use service_kit::{
    crypto::CryptoSettings, db::DatabaseSettings, event_log, secret::SecretFile,
    service::HttpSettings, tls::ClientTls,
};
use url::Url;

pub use orders::{
    AnonymousCard, Credentials, Custodians, Gemini, Orders, Retention, SkuSettings, Transfers,
    Uphold,
};
pub use votes::{DirectorySettings, Publication, Votes};

/// The file that names every setting.
pub const DEFAULTS: &str = include_str!("../../config.default.toml");

/// All settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The lowest level that is logged.
    pub log: String,
    /// The name of this environment: what topics begin with.
    pub environment: String,
    /// The API and the admin listener.
    pub http: HttpSettings,
    /// Where orders are kept.
    pub orders_database: DatabaseSettings,
    /// Where votes are kept: never in the same database as orders (threats U2, U3).
    pub votes_database: DatabaseSettings,
    /// Where votes and figures are published.
    pub event_log: EventLog,
    /// The files with payments' own secrets.
    pub secrets: Secrets,
    /// What is sold.
    pub skus: Vec<SkuSettings>,
    /// Exact SKU tokens that are taken although the operator does not hold their secret.
    pub legacy_sku_tokens: Vec<String>,
    /// Bounds on orders.
    pub orders: Orders,
    /// How transfers are looked up.
    pub transfers: Transfers,
    /// Bounds on credentials.
    pub credentials: Credentials,
    /// Bounds on arithmetic.
    pub crypto: CryptoSettings,
    /// How long things are kept.
    pub retention: Retention,
    /// Who moves the money.
    pub custodians: Custodians,
    /// Where challenge-bypass is.
    pub challenge_bypass: ChallengeBypass,
    /// Bounds on votes.
    pub votes: Votes,
    /// When things are published.
    pub publication: Publication,
    /// The key directory.
    pub directory: DirectorySettings,
}

/// The event log.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventLog {
    /// `embedded:/path/to/file` or `kafka:host:port`.
    pub url: String,
    /// Whom to trust in a cluster, and the certificate to show.
    pub tls: ClientTls,
}

/// Shows nothing: the log's URL may hold a password.
impl std::fmt::Debug for EventLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EventLog(..)")
    }
}

/// Where the secrets are.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    /// 32 bytes in base64: capabilities, references and hashes of transfers are derived from it.
    pub orders_file: SecretFile,
    /// Root secrets of SKU tokens; several while one is replaced by another.
    pub sku_root_files: Vec<SecretFile>,
    /// 32 bytes in base64: the ed25519 key that signs the directory's heads.
    pub directory_key_file: SecretFile,
    /// 32 bytes in base64: the key that it replaces; unset where none is being replaced.
    pub previous_directory_key_file: SecretFile,
}

/// How challenge-bypass is reached.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChallengeBypass {
    /// Where its API is.
    pub url: Url,
    /// Whom to trust, and the certificate to show.
    pub tls: ClientTls,
}

impl Config {
    /// Opens the log of the topics.
    pub async fn open_log(&self) -> event_log::Result<Arc<dyn event_log::EventLog>> {
        event_log::open(&self.event_log.url, &self.log_access()).await
    }

    /// As whom the log is asked.
    pub fn log_access(&self) -> event_log::Access {
        event_log::Access {
            tls: self.event_log.tls.clone(),
            prefix: format!("{}.{}", self.environment, crate::NAME),
        }
    }
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
        for database in ["orders_database", "votes_database"] {
            for url in ["url", "owner_url"] {
                let name = format!("{database}.{url}");
                checks::secret_is_not_shown::<Config>(DEFAULTS, &name).unwrap();
            }
        }
        checks::secret_is_not_shown::<Config>(DEFAULTS, "event_log.url").unwrap();
    }
}
