//! The three tests that every service's settings must pass, to be called from its tests.

use std::fmt::Debug;

use serde::de::DeserializeOwned;

use super::{SettingsError, Sources, defaults::Defaults};

/// The defaults alone make whole settings.
pub fn defaults_are_complete<T: DeserializeOwned>(
    default_toml: &'static str,
) -> Result<(), SettingsError> {
    Sources::defaults("any", default_toml).load::<T>().map(drop)
}

/// A misspelled setting is refused, in each section, and its name is said.
pub fn misspellings_are_refused<T: DeserializeOwned>(
    default_toml: &'static str,
) -> Result<(), String> {
    let defaults = Defaults::read(default_toml).map_err(|error| error.to_string())?;
    for path in defaults.paths() {
        let misspelled = format!("{path}x");
        let folder = tempfile_with(&misspelled).map_err(|error| error.to_string())?;
        let loaded = Sources::defaults("any", default_toml)
            .file(Some(folder.clone()))
            .load::<T>();
        let _left_behind = std::fs::remove_file(&folder);
        let last = misspelled.rsplit('.').next().unwrap_or_default();
        match loaded {
            Ok(_) => return Err(format!("`{misspelled}` was taken")),
            Err(error) if error.to_string().contains(last) => {}
            Err(error) => return Err(format!("`{misspelled}`: {error}")),
        }
    }
    Ok(())
}

/// The settings do not show the value of `path` when they are printed.
pub fn secret_is_not_shown<T: DeserializeOwned + Debug>(
    default_toml: &'static str,
    path: &str,
) -> Result<(), String> {
    let secret = "sqlite://a-very-secret-place";
    let settings = Sources::defaults("any", default_toml)
        .set(path, secret)
        .load::<T>()
        .map_err(|error| error.to_string())?;
    if format!("{settings:?}{settings:#?}").contains("very-secret") {
        return Err(format!("`{path}` is shown"));
    }
    Ok(())
}

/// A file that sets nothing but `path`.
fn tempfile_with(path: &str) -> std::io::Result<std::path::PathBuf> {
    let name = format!(
        "settings-{}-{}.toml",
        std::process::id(),
        path.replace('.', "-")
    );
    let file = std::env::temp_dir().join(name);
    std::fs::write(&file, format!("{path} = 1\n"))?;
    Ok(file)
}
