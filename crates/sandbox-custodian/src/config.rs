//! The settings of the sandbox, and the credentials in the files that they name.

use std::{fmt, path::PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use service_kit::{
    secret::{SecretError, SecretFile},
    service::HttpSettings,
};

use crate::domain::FaultSettings;

/// The settings that apply where nothing else is said.
pub const DEFAULTS: &str = include_str!("../config.default.toml");

/// The settings of a sandbox.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where accounts and transfers are written to. Empty: nowhere.
    pub journal_file: PathBuf,
    /// How long a quote can be committed.
    pub quote_lapse_seconds: u32,
    /// What payments shows to be let in as Uphold's customer.
    pub uphold: Uphold,
    /// What payments shows to be let in as Gemini's.
    pub gemini: Gemini,
    /// The faults planted at the start.
    pub faults: FaultSettings,
    /// How it listens.
    pub http: HttpSettings,
    /// The lowest level that is logged.
    pub log: String,
}

/// The section `[uphold]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uphold {
    /// Holds the bearer token.
    pub token_file: SecretFile,
}

/// The section `[gemini]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gemini {
    /// The client id in the path of a look-up.
    pub client_id: String,
    /// Holds the key that names the account.
    pub api_key_file: SecretFile,
    /// Holds the secret that look-ups are signed with.
    pub api_secret_file: SecretFile,
}

/// The credentials, read.
pub(crate) struct Credentials {
    uphold_token: SecretString,
    pub(crate) gemini_client_id: String,
    gemini_api_key: SecretString,
    gemini_api_secret: SecretString,
}

impl Credentials {
    pub(crate) fn read(config: &Config) -> Result<Self, SecretError> {
        Ok(Self {
            uphold_token: config.uphold.token_file.read_text()?,
            gemini_client_id: config.gemini.client_id.clone(),
            gemini_api_key: config.gemini.api_key_file.read_text()?,
            gemini_api_secret: config.gemini.api_secret_file.read_text()?,
        })
    }

    pub(crate) fn uphold_token(&self) -> &str {
        self.uphold_token.expose_secret()
    }

    pub(crate) fn gemini_api_key(&self) -> &str {
        self.gemini_api_key.expose_secret()
    }

    /// The bytes of the secret's text, as Gemini gives it out and signs with it.
    pub(crate) fn gemini_api_secret(&self) -> &[u8] {
        self.gemini_api_secret.expose_secret().as_bytes()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}
