//! Keeps the key directory: fetches its entries every few minutes, and signs the day's head shortly after midnight UTC.
//!
//! Entries come from challenge-bypass, which has the keys and not the directory key: whoever holds only one of the two
//! cannot show a client a key of its own (threat T12). When a new directory key is configured, challenge-bypass appends
//! the entry that both keys signed before the new one signs anything. What does not extend the directory that is known is refused.
//! Clients use a key when a head covers it; payments sells nothing under a revoked one from the next fetch on.
//!
//! Head and record for the topic are stored in one transaction, so dying at any point means doing it again. A service
//! that was down at midnight signs when it starts; a day that passed without it has no head.

mod heads;

use std::{fmt, sync::Arc};

use anyhow::Context as _;
use async_trait::async_trait;
use chrono::{NaiveDate, TimeDelta};
use clock::Clock;
use messages::{
    avro::{DirectoryHead, Record as _},
    digest::H,
    directory::{Directory, Entry, Head},
};
use service_kit::{
    event_log::EventLog,
    jobs::{Job, Next, next_daily},
    outbox::{Row, id_of_day},
};

pub use heads::{DirectoryHealth, Disagreement};

use crate::{
    challenge_bypass::Issuers,
    domain::{
        directory::extension,
        directory_keys::{DirectoryKeys, KeyTrouble},
        issuer::IssuerSpec,
    },
    published::PublishedDirectory,
    store::publications::Publications,
};

/// When the head is signed: after midnight, since it says what there is on its day.
const HOUR_AND_MINUTE: (u32, u32) = (0, 5);

/// How long the first head waits before it looks again for our issuers' first keys.
const FIRST_KEYS_PAUSE: TimeDelta = TimeDelta::seconds(2);

/// The job.
pub struct DirectoryJob {
    /// Who has the keys.
    pub keeper: Arc<dyn Issuers>,
    /// Where the directory is kept.
    pub store: Arc<dyn Publications>,
    /// Where it is served from.
    pub published: Arc<PublishedDirectory>,
    /// The issuers whose keys the first head must cover.
    pub issuers: Vec<IssuerSpec>,
    /// The directory key, and the one that it replaces. Clients have pinned one of the directory's.
    pub keys: DirectoryKeys,
    /// Where heads are published.
    pub log: Arc<dyn EventLog>,
    /// The topic of the heads.
    pub topic: String,
    /// Whether the heads on the topic and the key in force are ours.
    pub health: DirectoryHealth,
    /// How long after a fetch the next one comes.
    pub poll: TimeDelta,
    /// The calendar.
    pub clock: Clock,
}

impl DirectoryJob {
    /// Stores what challenge-bypass has added to the directory, and returns all of it.
    async fn fetch(&self) -> anyhow::Result<Directory> {
        let known = self.store.directory().await?;
        let fetched = self
            .keeper
            .directory()
            .await
            .context("the key directory cannot be fetched")?;
        self.store_new(known, &fetched).await
    }

    /// Stores what `fetched` has that `known` lacks. Entries that would make clients refuse the directory, or
    /// that put somebody else's directory key in force, are not stored.
    async fn store_new(&self, known: Directory, fetched: &Directory) -> anyhow::Result<Directory> {
        let new = extension(&known.entries, &fetched.entries)?;
        let sequence = self.keys.sequence(&fetched.entries, &known.heads);
        self.noted(sequence.and_then(|sequence| self.keys.allow(new, &sequence)))?;
        if new.is_empty() {
            return Ok(known);
        }
        // Whether we or another process appended: what is stored is served.
        self.store.append_entries(new).await?;
        Ok(self.store.directory().await?)
    }

    /// Puts heads back that were published and that a database from a backup lacks.
    async fn put_back(&self, known: Directory) -> anyhow::Result<Directory> {
        let published = heads::published(&*self.log, &self.topic)
            .await
            .context("the published heads cannot be read")?;
        let all = known.heads.iter().chain(&published);
        let sequence = self.noted(self.keys.sequence(&known.entries, all))?;
        let missing = heads::missing(published, &known, &sequence, &self.keys);
        self.health.note(missing.as_ref().err().copied());
        let missing = missing?;
        if missing.is_empty() {
            return Ok(known);
        }
        tracing::warn!(
            heads = missing.len(),
            "published heads were missing and are put back"
        );
        self.store.restore_heads(&missing).await?;
        Ok(self.store.directory().await?)
    }

    /// Brings the present key into force, and returns the directory in which it is.
    async fn change_key(&self, known: Directory) -> anyhow::Result<Directory> {
        let Some(change) = self.noted(self.keys.due_change(&known))? else {
            return Ok(known);
        };
        let changed = self.keeper.change_directory_key(&change).await;
        let changed = changed.context("the directory key cannot be changed")?;
        let known = self.store_new(known, &changed).await?;
        let is_due = self.noted(self.keys.due_change(&known))?.is_some();
        anyhow::ensure!(!is_due, "challenge-bypass did not change the directory key");
        tracing::warn!("the directory key was changed");
        Ok(known)
    }

    fn noted<T>(&self, result: Result<T, KeyTrouble>) -> Result<T, KeyTrouble> {
        self.health.note_key(result.as_ref().err().copied());
        result
    }

    /// Signs and stores the head of `day` over `known`, and returns the directory with it.
    async fn sign_head(&self, day: NaiveDate, known: &Directory) -> anyhow::Result<Directory> {
        let head = Head::sign(day, &known.entries, self.keys.present());
        let hash = H::new("bt/directory-row/1").part(day.to_string().as_bytes());
        let row = Row {
            // Heads that wait together, as when the log was away, leave by day: a witness takes none after a later one.
            id: id_of_day(day, hash.finish()),
            topic: self.topic.clone(),
            key: heads::RECORD_KEY.to_vec(),
            value: DirectoryHead::from(&head).encode(),
        };
        self.store.append_head(&head, &row).await?;
        Ok(self.store.directory().await?)
    }

    /// A head without them would put the first sale off by a day.
    fn has_all_issuers(&self, known: &Directory) -> bool {
        let listed = |issuer: &IssuerSpec| {
            known
                .entries
                .iter()
                .filter_map(Entry::issuer_key)
                .any(|entry| entry.issuer == issuer.name)
        };
        self.issuers.iter().all(listed)
    }
}

#[async_trait]
impl Job for DirectoryJob {
    fn name(&self) -> &'static str {
        "directory"
    }

    async fn run_once(&self) -> anyhow::Result<Next> {
        let mut known = self.fetch().await?;
        if !self.published.was_fetched() {
            known = self.put_back(known).await?;
        }
        known = match self.change_key(known.clone()).await {
            Ok(known) => known,
            Err(error) => {
                // Served all the same: nothing is sold under a key that was revoked.
                self.published.replace(known);
                return Err(error);
            }
        };
        let now = self.clock.now();
        let (hour, minute) = HOUR_AND_MINUTE;
        let last = known.heads.last().map(|head| head.day);
        let tomorrow = next_daily(now, hour, minute);
        // Not before the hour of today, unless nothing was ever signed.
        let is_time = tomorrow.date_naive() > now.date_naive();
        let is_due = last.is_none_or(|day| is_time && day < now.date_naive());
        let waits = known.heads.is_empty() && !self.has_all_issuers(&known);
        if is_due && !waits {
            known = self.sign_head(now.date_naive(), &known).await?;
        }
        self.published.replace(known);
        if waits {
            return Ok(Next::After(FIRST_KEYS_PAUSE));
        }
        Ok(Next::At(tomorrow.min(now + self.poll)))
    }
}

/// Shows nothing of the directory key.
impl fmt::Debug for DirectoryJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectoryJob")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
