//! The key directory as it is served: read once after each change, by whichever process, and shared by all requests.

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicBool, Ordering},
};

use axum::body::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use messages::directory::Directory;

use crate::{
    domain::directory::{Keys, KnownKey},
    store::publications::Publications,
};

/// One state of the directory.
#[derive(Debug, Default)]
pub struct Published {
    /// The body of `GET /v1/key-directory`, the same bytes for everybody.
    pub body: Bytes,
    /// The directory.
    pub directory: Directory,
    /// Its keys.
    pub keys: Keys,
}

impl From<Directory> for Published {
    fn from(directory: Directory) -> Self {
        Self {
            body: serde_json::to_vec(&directory)
                .expect("a directory is plain data")
                .into(),
            keys: Keys::of(&directory),
            directory,
        }
    }
}

impl Published {
    /// How many entries and heads it has.
    fn size(&self) -> (u64, u64) {
        let Directory { entries, heads } = &self.directory;
        (entries.len() as u64, heads.len() as u64)
    }
}

/// The current state of the directory, and the notice that clients ask for.
#[derive(Debug)]
pub struct PublishedDirectory {
    current: RwLock<Arc<Published>>,
    was_fetched: AtomicBool,
    notice: TimeDelta,
}

impl PublishedDirectory {
    /// Starts with `directory`. Keys sell that were published `notice` before they signed.
    pub fn new(directory: Directory, notice: TimeDelta) -> Self {
        Self {
            current: RwLock::new(Arc::new(directory.into())),
            was_fetched: AtomicBool::new(false),
            notice,
        }
    }

    /// The current state.
    pub fn current(&self) -> Arc<Published> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Serves `directory` from now on: what challenge-bypass has.
    pub fn replace(&self, directory: Directory) {
        self.serve(directory);
        self.was_fetched.store(true, Ordering::Release);
    }

    /// The state that `store` has by now. Another process may have gone on with the directory: a client that was answered by it
    /// would refuse an older state as a directory that goes back.
    pub async fn stored(&self, store: &dyn Publications) -> sqlx::Result<Arc<Published>> {
        let current = self.current();
        if store.directory_size().await? == current.size() {
            return Ok(current);
        }
        Ok(self.serve(store.directory().await?))
    }

    fn serve(&self, directory: Directory) -> Arc<Published> {
        let published = Arc::new(Published::from(directory));
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&published);
        published
    }

    /// Whether challenge-bypass was asked since the start. Until then keys may be missing here that it has.
    pub fn was_fetched(&self) -> bool {
        self.was_fetched.load(Ordering::Acquire)
    }

    /// The key that tokens of `issuer` are signed with now, if clients can have confirmed it (contracts §5).
    pub fn sellable_key(&self, issuer: &str, now: DateTime<Utc>) -> Option<KnownKey> {
        self.current()
            .keys
            .sellable(issuer, now, self.notice)
            .cloned()
    }
}
