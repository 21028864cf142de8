//! A machine's clock that jumps, for real programs.
//!
//! A library that is loaded before all others answers the question for the time of day with the machine's answer
//! and a number of seconds from a file. Elapsed time, by which time-outs run, is the machine's: as when an
//! operator, or NTP, sets a clock. OpenSSL alone asks for the time in a way of its own, and is told the machine's.
//!
//! librdkafka waits until times of day. Here each of its waits is as long as it was meant when it began; on a machine whose
//! clock is set back by hours, one that is under way then ends hours late.

use std::{
    ffi::OsString,
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::ensure;
use chrono::TimeDelta;

/// The library.
const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/jumps.c");

/// The clock of some processes.
#[derive(Debug)]
pub struct Jumps {
    library: PathBuf,
    offset: PathBuf,
}

impl Jumps {
    /// A clock that is right, with its files in `dir`.
    pub fn new(dir: &Path) -> anyhow::Result<Self> {
        let jumps = Self {
            library: dir.join("jumps.so"),
            offset: dir.join("jumps.offset"),
        };
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]);
        let compiled = cc.arg(&jumps.library).arg(SOURCE).status()?;
        ensure!(compiled.success(), "the clock cannot be compiled");
        fs::write(&jumps.offset, 0_i64.to_ne_bytes())?;
        Ok(jumps)
    }

    /// The variables of a process that has this clock.
    pub fn environment(&self) -> Vec<(OsString, OsString)> {
        vec![
            ("LD_PRELOAD".into(), self.library.clone().into()),
            ("BLINDTALLY_JUMPS".into(), self.offset.clone().into()),
        ]
    }

    /// From now on the clock is so much ahead, or behind, of the machine's.
    pub fn set(&self, ahead: TimeDelta) -> anyhow::Result<()> {
        // In place: the processes have the file in their memory.
        let file = File::options().write(true).open(&self.offset)?;
        Ok(file.write_all_at(&ahead.num_seconds().to_ne_bytes(), 0)?)
    }
}
