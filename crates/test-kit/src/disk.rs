//! A small disk that a test fills.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::ensure;

/// What is written to it at once.
const PIECE_BYTES: usize = 4_096;

/// A mounted disk, unmounted when this is dropped.
#[derive(Debug)]
pub struct SmallDisk {
    dir: PathBuf,
}

impl SmallDisk {
    /// Mounts a new disk of so many MiB at `dir`, which is made. Only root may.
    pub fn mount(dir: &Path, mebibytes: u32) -> anyhow::Result<Self> {
        fs::create_dir_all(dir)?;
        let size = format!("size={mebibytes}m,mode=0755");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(dir);
        ensure!(mount.status()?.success(), "no disk can be mounted");
        Ok(Self {
            dir: dir.to_owned(),
        })
    }

    /// Fills it to the last byte.
    pub fn fill(&self) -> anyhow::Result<()> {
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(self.filler())?;
        loop {
            match file.write(&[0; PIECE_BYTES]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Makes room again.
    pub fn make_room(&self) -> anyhow::Result<()> {
        Ok(fs::remove_file(self.filler())?)
    }

    fn filler(&self) -> PathBuf {
        self.dir.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that a failed test left may still be in it.
        let _status = Command::new("umount").arg("-l").arg(&self.dir).status();
    }
}
