//! What the file of defaults says about each setting: its path, its kind, its comment.

use std::collections::BTreeMap;

use config::{Config, File, FileFormat, Value, ValueKind};

use super::{SettingsError, parse_toml_value};

/// The settings that there are.
pub(super) struct Defaults(BTreeMap<String, ValueKind>);

impl Defaults {
    pub(super) fn read(toml: &str) -> Result<Self, SettingsError> {
        let source = File::from_str(toml, FileFormat::Toml);
        let config = Config::builder().add_source(source).build()?;
        let mut leaves = BTreeMap::new();
        collect(String::new(), config.cache, &mut leaves);
        Ok(Self(leaves))
    }

    /// The paths of all settings, in order.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// What `text` means as the value of a setting: what is text by default is taken as it is, the
    /// rest is read as TOML.
    pub(super) fn value(&self, path: &str, text: &str) -> Result<Value, SettingsError> {
        match self.0.get(path) {
            None => Err(SettingsError::Unknown(path.to_owned())),
            Some(ValueKind::String(_)) => Ok(Value::new(None, text)),
            Some(_) => parse_toml_value(text).ok_or_else(|| SettingsError::Value(path.to_owned())),
        }
    }
}

/// Takes the tables apart. Lists are values: they are replaced as a whole.
fn collect(path: String, value: Value, leaves: &mut BTreeMap<String, ValueKind>) {
    match value.kind {
        ValueKind::Table(table) => {
            for (name, value) in table {
                let below = if path.is_empty() {
                    name
                } else {
                    format!("{path}.{name}")
                };
                collect(below, value, leaves);
            }
        }
        kind => {
            leaves.insert(path, kind);
        }
    }
}

/// The comment above each setting of a TOML text, by path.
pub(super) fn comments(toml: &str) -> BTreeMap<String, String> {
    let mut comments = BTreeMap::new();
    let mut section = String::new();
    let mut comment = String::new();
    for line in toml.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix('#') {
            if !comment.is_empty() {
                comment.push(' ');
            }
            comment.push_str(text.trim());
        } else if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            section = format!("{}.", name.trim());
            comment.clear();
        } else if let Some((name, _)) = line.split_once('=') {
            comments.insert(
                format!("{section}{}", name.trim()),
                std::mem::take(&mut comment),
            );
        } else {
            comment.clear();
        }
    }
    comments
}
