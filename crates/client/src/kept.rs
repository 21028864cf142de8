//! States on disk: what a client must not lose.
//!
//! Each state is written whole to a new file, synced, and renamed over the old one: after a crash
//! at any instant it is as it was before or after a save. A file readable by others would hand them
//! tokens and measurements, so it is made for its owner only.
//!
//! One program at a time works with a file: two would each save what the other does not know, and
//! tokens would be lost. The lock is on a file beside it, because each save replaces the state's own.

use std::{
    fs::{File, OpenOptions, TryLockError, rename},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};

/// A wallet with 100 purchases of 400 tokens has some 10 MB.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A state and the file it is kept in, which nobody else writes while this value lives.
#[derive(Debug)]
pub struct Kept<S> {
    path: PathBuf,
    /// What is in the file, and what will be after [`Self::save`].
    pub state: S,
    /// Released by the operating system with the last handle, also when the program is killed.
    _lock: File,
}

impl<S: Default + DeserializeOwned + Serialize> Kept<S> {
    /// Opens the state at `path`, or begins one there.
    ///
    /// Fails with [`io::ErrorKind::ResourceBusy`] while another program has it open.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let lock = lock(&path)?;
        let state = Self::read(&path)?;
        Ok(Self {
            path,
            state,
            _lock: lock,
        })
    }

    /// The state at `path`, also while another program works with it: every file that ever stood
    /// there is whole.
    pub fn read(path: &Path) -> io::Result<S> {
        match File::open(path) {
            Ok(file) => {
                let mut text = Vec::new();
                file.take(FILE_BYTES_MAX).read_to_end(&mut text)?;
                Ok(serde_json::from_slice(&text)?)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(S::default()),
            Err(error) => Err(error),
        }
    }

    /// Makes the state durable. Nothing that depends on it may be sent before this returns.
    pub fn save(&self) -> io::Result<()> {
        let text = serde_json::to_vec(&self.state)?;
        let new = self.path.with_added_extension("new");
        let mut file = private(&new)?;
        file.write_all(&text)?;
        file.sync_all()?;
        rename(&new, &self.path)?;
        let folder = self
            .path
            .parent()
            .filter(|path| !path.as_os_str().is_empty());
        // The rename itself is in the folder.
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

/// Takes the lock of the state at `path`. Its file stays: a file that is removed can be locked twice.
fn lock(path: &Path) -> io::Result<File> {
    let file = private(&path.with_added_extension("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::Error(error)) => Err(error),
        Err(TryLockError::WouldBlock) => Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            format!(
                "another program works with {}: wait until it has ended, or end it; \
                 `status` may be asked at any time",
                path.display()
            ),
        )),
    }
}

/// A new file for its owner only.
fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
