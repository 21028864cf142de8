//! The real engines that tests run on: `deploy/engines/up DIR` starts them.

pub mod own;

use std::path::{Path, PathBuf};

/// The folder of the running engines, if `BLINDTALLY_ENGINES` names one.
pub fn named() -> Option<PathBuf> {
    std::env::var_os("BLINDTALLY_ENGINES").map(PathBuf::from)
}

/// The folder of the running engines.
pub fn folder() -> PathBuf {
    named().expect("BLINDTALLY_ENGINES names the folder of running engines: see deploy/engines/up")
}

/// A script of deploy/engines.
pub fn script(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/engines");
    folder.join(name)
}
