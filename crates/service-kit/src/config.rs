//! Settings: the defaults, a file, the environment and flags, each stronger than the one before.
//!
//! A service's `config.default.toml` names every setting, with a comment that says what it does. It
//! gives the shape too: whatever stands elsewhere must stand there, so that a misspelling is refused
//! wherever it is, and each setting gets its flag and its variable without another word of code.

pub mod checks;
mod defaults;
mod error;
mod flags;

use std::{collections::BTreeMap, path::PathBuf};

use config::{Config, File, FileFormat, Value, ValueKind};
use serde::de::DeserializeOwned;

use defaults::Defaults;
pub use error::SettingsError;
pub use flags::{command_line, command_line_of};

/// Where the settings of one process come from.
#[derive(Clone)]
pub struct Sources {
    service: &'static str,
    default_toml: &'static str,
    file: Option<PathBuf>,
    environment: Vec<(String, String)>,
    flags: Vec<(String, String)>,
}

impl Sources {
    /// The defaults of a service alone. `service` is its name as in `challenge-bypass`.
    pub fn defaults(service: &'static str, default_toml: &'static str) -> Self {
        Self {
            service,
            default_toml,
            file: None,
            environment: Vec::new(),
            flags: Vec::new(),
        }
    }

    /// Adds a TOML file.
    #[must_use]
    pub fn file(mut self, path: Option<PathBuf>) -> Self {
        self.file = path;
        self
    }

    /// Adds variables: those that are `<SERVICE>__SECTION__NAME` count.
    #[must_use]
    pub fn environment(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.environment.extend(variables);
        self
    }

    /// Adds settings given as `section.name` and value, the strongest.
    #[must_use]
    pub fn set(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.flags.push((name.into(), value.into()));
        self
    }

    /// Reads the settings.
    pub fn load<T: DeserializeOwned>(&self) -> Result<T, SettingsError> {
        let defaults = Defaults::read(self.default_toml)?;
        let mut builder =
            Config::builder().add_source(File::from_str(self.default_toml, FileFormat::Toml));
        if let Some(path) = &self.file {
            let text = std::fs::read_to_string(path)
                .map_err(|error| SettingsError::File(path.clone(), error.kind()))?;
            builder = builder.add_source(File::from_str(&text, FileFormat::Toml));
        }
        for (name, text) in self
            .environment_settings()
            .into_iter()
            .chain(self.flags.clone())
        {
            let value = defaults.value(&name, &text)?;
            builder = builder.set_override(&name, value)?;
        }
        Ok(builder.build()?.try_deserialize()?)
    }

    /// The variables that are settings of this service, by their path.
    fn environment_settings(&self) -> BTreeMap<String, String> {
        let prefix = format!("{}__", self.service.replace('-', "_").to_uppercase());
        self.environment
            .iter()
            .filter_map(|(name, value)| {
                let path = name.strip_prefix(&prefix)?;
                Some((path.to_lowercase().replace("__", "."), value.clone()))
            })
            .collect()
    }
}

/// Hand-written: the variables and flags may hold secrets.
impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources")
            .field("service", &self.service)
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

/// A value that TOML can hold, read from text that stands alone.
fn parse_toml_value(text: &str) -> Option<Value> {
    let source = File::from_str(&format!("value = {text}"), FileFormat::Toml);
    let parsed = Config::builder().add_source(source).build().ok()?;
    let table = parsed.cache.into_table().ok()?;
    // More than one member: the text held a line break and another setting.
    (table.len() == 1)
        .then(|| table.into_values().next())
        .flatten()
        .filter(|value| value.kind != ValueKind::Nil)
}
