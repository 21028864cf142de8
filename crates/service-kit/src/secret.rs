//! Secrets that are mounted as files.

use std::{
    fmt, io,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rand::{RngCore as _, rngs::OsRng};
use secrecy::SecretString;
use serde::Deserialize;
use zeroize::Zeroizing;

/// The largest secret that is read: a chain of certificates with its key fits.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// The path of a file with a secret in it.
#[derive(Clone, Deserialize, Eq, PartialEq)]
#[serde(transparent)]
pub struct SecretFile(PathBuf);

impl SecretFile {
    /// The secret in the file at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Whether no file is named.
    pub fn is_unset(&self) -> bool {
        self.0.as_os_str().is_empty()
    }

    /// The text in the file, without white space around it.
    pub fn read_text(&self) -> Result<SecretString, SecretError> {
        let mut text = Zeroizing::new(String::new());
        let file = std::fs::File::open(&self.0).map_err(|error| self.unreadable(&error))?;
        file.take(SECRET_BYTES_MAX + 1)
            .read_to_string(&mut text)
            .map_err(|error| self.unreadable(&error))?;
        if text.len() as u64 > SECRET_BYTES_MAX {
            return Err(SecretError::TooLong(self.0.clone()));
        }
        match text.trim() {
            "" => Err(SecretError::Empty(self.0.clone())),
            text => Ok(text.into()),
        }
    }

    /// The 32 bytes in the file, which are written in base64.
    pub fn read_key(&self) -> Result<Zeroizing<[u8; 32]>, SecretError> {
        use secrecy::ExposeSecret as _;
        let text = self.read_text()?;
        let mut key = Zeroizing::new([0; 32]);
        let mut bytes = Zeroizing::new([0; 48]);
        let decoded = STANDARD.decode_slice(text.expose_secret(), &mut *bytes);
        match decoded.ok().and_then(|length| bytes.get(..length)) {
            Some(found) if found.len() == 32 => key.copy_from_slice(found),
            Some(_) | None => return Err(SecretError::NotAKey(self.0.clone())),
        }
        Ok(key)
    }

    /// Writes 32 random bytes to a new file that only its owner can read.
    pub fn create_key(&self) -> Result<(), SecretError> {
        let mut key = Zeroizing::new([0_u8; 32]);
        OsRng.fill_bytes(&mut *key);
        let text = Zeroizing::new(STANDARD.encode(key.as_slice()));
        self.create_text(&text)
    }

    /// Writes a secret to a new file that only its owner can read.
    pub fn create_text(&self, text: &str) -> Result<(), SecretError> {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options
            .open(&self.0)
            .map_err(|error| self.unreadable(&error))?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| self.sync_folder())
            .map_err(|error| self.unreadable(&error))
    }

    /// Makes the file's name durable too: what is sealed with a key that a power failure took away is lost.
    fn sync_folder(&self) -> io::Result<()> {
        let folder = self.0.parent().filter(|path| !path.as_os_str().is_empty());
        std::fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }

    fn unreadable(&self, error: &io::Error) -> SecretError {
        SecretError::Unreadable(self.0.clone(), error.kind())
    }
}

/// Shows the path, which is no secret.
impl fmt::Debug for SecretFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SecretFile").field(&self.0).finish()
    }
}

/// Why a secret could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// There is nothing in the file.
    #[error("the secret file {} is empty", .0.display())]
    Empty(PathBuf),
    /// The file does not hold 32 bytes in base64.
    #[error("the secret file {} does not hold 32 bytes in base64", .0.display())]
    NotAKey(PathBuf),
    /// The file is longer than any secret.
    #[error("the secret file {} is too long", .0.display())]
    TooLong(PathBuf),
    /// The file cannot be opened, read or written.
    #[error("the secret file {}: {}", .0.display(), .1)]
    Unreadable(PathBuf, io::ErrorKind),
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn file(content: &str) -> (tempfile::TempDir, SecretFile) {
        let folder = tempfile::tempdir().unwrap();
        let secret = SecretFile::new(folder.path().join("secret"));
        std::fs::write(secret.path(), content).unwrap();
        (folder, secret)
    }

    #[test]
    fn a_created_key_is_read_back_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let secret = SecretFile::new(folder.path().join("key"));

        secret.create_key().unwrap();
        let key = secret.read_key().unwrap();

        assert_ne!(*key, [0; 32]);
        assert!(matches!(
            secret.create_key(),
            Err(SecretError::Unreadable(..))
        ));
        assert_eq!(*secret.read_key().unwrap(), *key);
    }

    #[cfg(unix)]
    #[test]
    fn a_created_key_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let secret = SecretFile::new(folder.path().join("key"));

        secret.create_key().unwrap();

        let mode = std::fs::metadata(secret.path())
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn text_is_trimmed() {
        let (_folder, secret) = file(" a b\n");

        assert_eq!(secret.read_text().unwrap().expose_secret(), "a b");
    }

    #[test]
    fn wrong_files_are_refused_without_showing_their_content() {
        let long = "x".repeat(70_000);
        for content in ["", "\n", "not base64 at all", "c2hvcnQ=", &long] {
            let (_folder, secret) = file(content);
            let error = secret.read_key().unwrap_err().to_string();
            assert!(!error.contains("base64 at all"), "{error}");
        }
        assert!(SecretFile::new("/nowhere/at/all").read_text().is_err());
    }
}
