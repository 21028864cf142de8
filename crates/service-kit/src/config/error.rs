//! Why settings are refused. Never with a value: it may be a secret.

use std::{io, path::PathBuf};

use config::ConfigError;

/// Why settings are refused.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("the settings file {}: {}", .0.display(), .1)]
    File(PathBuf, io::ErrorKind),
    /// A name is unknown or missing.
    #[error("{0}")]
    Name(String),
    /// Text that is not TOML.
    #[error("a settings file is not TOML")]
    NotToml,
    /// There is no such setting.
    #[error("there is no setting `{0}`")]
    Unknown(String),
    /// A value is of the wrong kind or out of range.
    #[error("the value of the setting `{0}` cannot be used")]
    Value(String),
}

impl From<ConfigError> for SettingsError {
    fn from(error: ConfigError) -> Self {
        explain(error, "")
    }
}

/// Keeps the name of the setting, and drops everything that may hold its value.
fn explain(error: ConfigError, outer: &str) -> SettingsError {
    match error {
        ConfigError::At { error, key, .. } => explain(*error, key.as_deref().unwrap_or(outer)),
        ConfigError::FileParse { .. } | ConfigError::PathParse { .. } => SettingsError::NotToml,
        ConfigError::NotFound(name) => SettingsError::Name(format!("missing setting `{name}`")),
        ConfigError::Type { key, .. } => {
            SettingsError::Value(key.unwrap_or_else(|| outer.to_owned()))
        }
        ConfigError::Message(text) => match field_name(&text) {
            Some((what, name)) => SettingsError::Name(format!("{what} `{}`", join(outer, name))),
            None => SettingsError::Value(outer.to_owned()),
        },
        _ => SettingsError::Value(outer.to_owned()),
    }
}

/// The name in serde's messages on members that are not there or should not be.
fn field_name(text: &str) -> Option<(&'static str, &str)> {
    let kinds = [
        ("unknown field `", "there is no setting"),
        ("missing field `", "missing setting"),
        ("missing configuration field \"", "missing setting"),
    ];
    kinds.into_iter().find_map(|(prefix, what)| {
        let rest = text.strip_prefix(prefix)?;
        rest.split(['`', '"']).next().map(|name| (what, name))
    })
}

fn join(outer: &str, name: &str) -> String {
    if outer.is_empty() {
        name.to_owned()
    } else {
        format!("{outer}.{name}")
    }
}
