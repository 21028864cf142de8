//! The settings. `config.default.toml` names each of them and says what it does.

use chrono::TimeDelta;
use serde::Deserialize;
use service_kit::{
    bearer::BearerSettings, config::Sources, crypto::CryptoSettings, db::DatabaseSettings,
    secret::SecretFile, service::HttpSettings,
};

use crate::domain::{RedemptionLimits, Rotation};

/// The name of the service in settings and logs.
pub const SERVICE: &str = "challenge-bypass";

/// The file of defaults.
pub const DEFAULTS: &str = include_str!("../config.default.toml");

/// The settings of challenge-bypass.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What is logged.
    pub log_level: String,
    /// The section `[database]`.
    pub database: DatabaseSettings,
    /// The section `[keys]`.
    pub keys: Keys,
    /// The section `[limits]`.
    pub limits: Limits,
    /// The section `[crypto]`.
    pub crypto: CryptoSettings,
    /// The section `[retention]`.
    pub retention: Retention,
    /// Who may call, beside what their certificates say.
    pub auth: BearerSettings,
    /// The section `[http]`.
    pub http: HttpSettings,
}

impl Config {
    /// The defaults, to which more is added before they are loaded.
    pub fn sources() -> Sources {
        Sources::defaults(SERVICE, DEFAULTS)
    }
}

/// How keys are sealed and announced.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// What signing keys are sealed under.
    pub sealing_key_file: SecretFile,
    /// What they were sealed under before.
    pub older_sealing_key_files: Vec<SecretFile>,
    /// How long before it signs a key is shown to clients.
    pub notice_hours: u32,
}

impl Keys {
    /// When keys are added.
    pub fn rotation(&self) -> Rotation {
        Rotation {
            notice: TimeDelta::hours(self.notice_hours.into()),
        }
    }
}

/// The bounds on requests.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Blinded tokens in one request.
    pub blinded_tokens_max: usize,
    /// Tokens in one redemption.
    pub redemption_tokens_max: usize,
    /// Bytes of a redemption's payload.
    pub payload_bytes_max: usize,
    /// The largest body of a signing request.
    pub signing_body_bytes_max: usize,
    /// The largest body of a redemption.
    pub redemption_body_bytes_max: usize,
}

impl Limits {
    /// The bounds of a redemption.
    pub fn redemption(&self) -> RedemptionLimits {
        RedemptionLimits {
            tokens_max: self.redemption_tokens_max,
            payload_bytes_max: self.payload_bytes_max,
        }
    }
}

/// How long things are kept.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// How long after its end a key's secret is kept.
    pub redeem_grace_days: u32,
    /// How much longer its spent tokens are kept.
    pub redemption_retention_days: u32,
}

impl Retention {
    /// How long after its `redeem_until` a key's secret is kept.
    pub fn secrets(&self) -> TimeDelta {
        TimeDelta::days(self.redeem_grace_days.into())
    }

    /// How long after its key's `redeem_until` a redemption is kept.
    pub fn redemptions(&self) -> TimeDelta {
        self.secrets() + TimeDelta::days(self.redemption_retention_days.into())
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
    fn the_database_url_is_not_shown() {
        checks::secret_is_not_shown::<Config>(DEFAULTS, "database.url").unwrap();
    }

    #[test]
    fn client_certificates_are_wanted_unless_somebody_says_otherwise() {
        let config: Config = Config::sources().load().unwrap();
        assert!(config.http.tls.client_certificate_required);
        assert!(config.http.listen.ip().is_loopback());
    }
}
