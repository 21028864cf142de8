//! The services' own programs, with settings in files.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};
use blindtally::system::{ServiceName, Settings};
use tokio::{sync::OnceCell, task::spawn_blocking};

/// The folder of the programs, which are built once for a process of tests as `./test` builds them: none is
/// older than the test.
pub async fn build() -> anyhow::Result<PathBuf> {
    static BUILT: OnceCell<PathBuf> = OnceCell::const_new();
    let built = BUILT.get_or_try_init(|| async { spawn_blocking(build_all).await? });
    Ok(built.await?.clone())
}

fn build_all() -> anyhow::Result<PathBuf> {
    let test = std::env::current_exe()?;
    let folder = test.ancestors().nth(2).context("a test has a folder")?;
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--workspace", "--bins", "--quiet"]);
    // What cargo tells a test of its package would look to build scripts like a change, and half of the
    // dependencies would be compiled again.
    for (name, _) in std::env::vars_os() {
        let told = |told| name.to_string_lossy().starts_with(told);
        if told("CARGO_MANIFEST") || told("CARGO_PKG") {
            cargo.env_remove(name);
        }
    }
    if cfg!(feature = "engines") {
        cargo.arg("--all-features");
    }
    if folder.ends_with("release") {
        cargo.arg("--release");
    }
    let built = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status()?;
    ensure!(built.success(), "the programs cannot be built");
    Ok(folder.to_owned())
}

/// Writes what a service with these defaults is told beyond them into `file`, as an operator would.
pub fn write_settings(file: &Path, defaults: &str, settings: &Settings) -> anyhow::Result<()> {
    let defaults: toml::Table = defaults.parse()?;
    let line = |(name, text): (&str, &str)| {
        if is_text(&defaults, name) {
            format!("{name} = {text:?}\n")
        } else {
            format!("{name} = {text}\n")
        }
    };
    let lines: String = settings.entries().map(line).collect();
    Ok(fs::write(file, lines)?)
}

/// Whether the setting is a text: then it needs quotes.
fn is_text(defaults: &toml::Table, name: &str) -> bool {
    let mut parts = name.split('.');
    let first = parts.next().and_then(|part| defaults.get(part));
    let found = parts.try_fold(first, |value, part| Some(value?.get(part)));
    found.flatten().is_some_and(toml::Value::is_str)
}

/// The file of a service's program.
pub(crate) fn program(folder: &Path, service: ServiceName) -> PathBuf {
    folder.join(service.as_str())
}
