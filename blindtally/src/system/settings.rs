//! Settings as text: what a service is told beyond its defaults.

use std::{collections::BTreeMap, fmt::Display, path::Path};

use anyhow::Context as _;
use serde::de::DeserializeOwned;
use service_kit::config::Sources;

use super::ServiceName;

/// Settings of one service, `section.name` and value, over its defaults.
#[derive(Clone, Debug, Default)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// Adds or replaces a setting.
    pub fn set(&mut self, name: &str, value: impl Display) -> &mut Self {
        self.0.insert(name.to_owned(), value.to_string());
        self
    }

    /// Adds or replaces a setting that is a path.
    pub(super) fn set_path(&mut self, name: &str, path: &Path) -> &mut Self {
        self.set(name, path.display())
    }

    /// Adds or replaces a setting that is a list of texts.
    pub(super) fn set_list(&mut self, name: &str, texts: &[&str]) -> &mut Self {
        let quoted: Vec<_> = texts.iter().map(|text| format!("{text:?}")).collect();
        self.set(name, format!("[{}]", quoted.join(", ")))
    }

    /// Adds or replaces all of `others`.
    pub fn extend(&mut self, others: &Self) -> &mut Self {
        self.0.extend(others.0.clone());
        self
    }

    /// The settings, by name, as text.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        let settings = self.0.iter();
        settings.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The settings as the service's own type.
    pub fn load<T: DeserializeOwned>(&self, service: ServiceName) -> anyhow::Result<T> {
        let sources = Sources::defaults(service.as_str(), service.defaults());
        let sources = self
            .0
            .iter()
            .fold(sources, |sources, (name, value)| sources.set(name, value));
        sources
            .load()
            .with_context(|| format!("the settings of {service}"))
    }
}
