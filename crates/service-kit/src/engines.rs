//! The real engines that tests run on: `deploy/engines/up DIR` starts them.

use std::path::PathBuf;

/// The folder of the running engines, which `BLINDTALLY_ENGINES` names.
pub fn folder() -> PathBuf {
    std::env::var_os("BLINDTALLY_ENGINES")
        .expect("BLINDTALLY_ENGINES names the folder of running engines: see deploy/engines/up")
        .into()
}
