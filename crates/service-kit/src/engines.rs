//! The real engines that tests run on: `deploy/engines/up DIR` starts them.

pub mod own;

use std::path::PathBuf;

/// The folder of the running engines, if `BLINDTALLY_ENGINES` names one.
pub fn named() -> Option<PathBuf> {
    std::env::var_os("BLINDTALLY_ENGINES").map(PathBuf::from)
}

/// The folder of the running engines.
pub fn folder() -> PathBuf {
    named().expect("BLINDTALLY_ENGINES names the folder of running engines: see deploy/engines/up")
}
