//! The instances: each has a key, of which the stored state is the truth, on whichever replica.
//!
//! Before each evaluation the store is asked which state the key is in, and the calendar which epoch it is: a look-up by
//! key, which costs less than the evaluation of one message. So a replica sees at once that another one has punctured the
//! key, however wrong its own clock is. Whoever finds that an epoch is over punctures it, and writes the new state in the
//! place of the one that it was made from; of several that do so at once, one succeeds, and the others take what it wrote.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use anyhow::{Context as _, anyhow};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use clock::Clock;
use messages::encoding::Fixed;
use rand::rngs::OsRng;
use service_kit::{crypto::PoolError, sealing::Sealer};
use tokio::{sync::Mutex, task::spawn_blocking};

use super::{
    Error,
    domain::{
        self, CheckedPoints, Due, EpochKey, InstanceName, OpenError, Position, Schedule,
        StateFacts, StoredState,
    },
    rewrap::new_state_id,
    store::Store,
};

/// Each try that fails means that another process wrote the key: once for each epoch.
const TRIES_MAX: u32 = 8;

/// A key in its current epoch, opened.
pub struct OpenKey {
    facts: StateFacts,
    key: EpochKey,
    epoch: u8,
    end: DateTime<Utc>,
    public_key: String,
}

impl OpenKey {
    fn new(facts: StateFacts, key: EpochKey, schedule: &Schedule) -> Self {
        Self {
            epoch: schedule.epoch(facts.position),
            end: schedule.end(facts.position),
            public_key: STANDARD.encode(key.public_key()),
            facts,
            key,
        }
    }

    /// The number of the epoch.
    pub fn epoch(&self) -> u8 {
        self.epoch
    }

    /// When the epoch ends.
    pub fn end(&self) -> DateTime<Utc> {
        self.end
    }

    /// The public key of all epochs, in base64.
    pub fn public_key(&self) -> &str {
        &self.public_key
    }

    /// Evaluates points in an epoch that is not punctured. Some milliseconds of arithmetic for many points: for a pool.
    pub fn evaluate(&self, points: &CheckedPoints, epoch: u8) -> Result<Vec<Fixed<32>>, Error> {
        let evaluated = self.key.evaluate(points, epoch);
        evaluated.map_err(|domain::Punctured| Error::WrongEpoch)
    }
}

/// Shows what is public.
impl fmt::Debug for OpenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenKey")
            .field("instance", &self.facts.instance)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

/// An instance.
pub struct Instance {
    name: InstanceName,
    schedule: Schedule,
    store: Arc<dyn Store>,
    sealer: Arc<Sealer>,
    clock: Clock,
    /// What was used last.
    open: RwLock<Option<Arc<OpenKey>>>,
    /// Of many requests that find an epoch over, one punctures it.
    catching_up: Mutex<()>,
}

impl Instance {
    /// Its name.
    pub fn name(&self) -> &InstanceName {
        &self.name
    }

    /// The key of the current epoch, with every epoch that is over punctured and that stored.
    pub async fn current(&self) -> Result<Arc<OpenKey>, Error> {
        if let Some(open) = self.known().await? {
            return Ok(open);
        }
        let _turn = self.catching_up.lock().await;
        for _ in 0..TRIES_MAX {
            if let Some(open) = self.known().await? {
                return Ok(open);
            }
            self.catch_up().await?;
        }
        Err(Error::Contended)
    }

    /// The key that was used last, if it is in the stored state and its epoch is the current one.
    async fn known(&self) -> Result<Option<Arc<OpenKey>>, Error> {
        let stored = self.store.state_id(&self.name).await?;
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let open = open.as_ref().filter(|open| {
            let due = self.schedule.due(open.facts.position, self.clock.now());
            due == Some(Due::Now) && Some(open.facts.id) == stored
        });
        Ok(open.cloned())
    }

    /// Opens the stored state, or writes the one that it should be.
    async fn catch_up(&self) -> Result<(), Error> {
        // Whatever follows, the last key is not to be used again.
        self.remember(None);
        let now = self.clock.now();
        let current = self.schedule.position(now).ok_or(Error::ClockLags)?;
        let Some(stored) = self.store.state(&self.name).await? else {
            let (first, key) = self.written(None, current).await?;
            if self.store.create(&first).await? {
                tracing::info!(instance = %self.name, "the instance has its first key");
                self.remember(Some((first.facts, key)));
            }
            return Ok(());
        };
        self.is_of_our_schedule(&stored)?;
        let due = self.schedule.due(stored.facts.position, now);
        match due.ok_or(Error::ClockLags)? {
            Due::Ahead => return Err(Error::ClockLags),
            Due::Behind(to) => {
                let old = stored.facts.id;
                let (next, key) = self.written(Some(stored), to).await?;
                if self.store.replace(&old, &next).await? {
                    let epoch = self.schedule.epoch(to);
                    tracing::info!(instance = %self.name, epoch, "what is over is punctured");
                    self.remember(Some((next.facts, key)));
                }
            }
            Due::Now => {
                let key = domain::open(&self.sealer, &stored)?;
                self.remember(Some((stored.facts, key)));
            }
        }
        Ok(())
    }

    fn is_of_our_schedule(&self, stored: &StoredState) -> Result<(), Error> {
        let wanted = self.schedule.to_string();
        if stored.facts.schedule == wanted {
            return Ok(());
        }
        Err(Error::OtherSchedule {
            stored: stored.facts.schedule.clone(),
            wanted,
        })
    }

    /// The state at `to`, made from the stored one. Some 20 ms of arithmetic, once for each epoch: not on the pool, whose
    /// queue may be full, and not on the threads that wait for connections.
    async fn written(
        &self,
        stored: Option<StoredState>,
        to: Position,
    ) -> Result<(StoredState, EpochKey), Error> {
        let (sealer, schedule) = (Arc::clone(&self.sealer), self.schedule);
        let facts = StateFacts {
            instance: self.name.clone(),
            schedule: schedule.to_string(),
            id: new_state_id(),
            position: to,
        };
        let made = spawn_blocking(move || {
            let stored = match &stored {
                Some(stored) => Some((stored.facts.position, domain::open(&sealer, stored)?)),
                None => None,
            };
            let key = EpochKey::at(&schedule, stored, to).map_err(OpenError::from)?;
            Ok((domain::seal(&sealer, facts, &key, &mut OsRng), key))
        });
        made.await.map_err(|_panicked| PoolError::Failed)?
    }

    fn remember(&self, key: Option<(StateFacts, EpochKey)>) {
        let opened = key.map(|(facts, key)| Arc::new(OpenKey::new(facts, key, &self.schedule)));
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        *open = opened;
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// All instances, in the order of the settings: one at least.
#[derive(Debug)]
pub struct Instances(Vec<Instance>);

impl Instances {
    /// Instances whose keys were not looked at yet.
    pub fn new(
        schedules: Vec<(InstanceName, Schedule)>,
        store: &Arc<dyn Store>,
        sealer: &Arc<Sealer>,
        clock: &Clock,
    ) -> Self {
        let instance = |(name, schedule)| Instance {
            name,
            schedule,
            store: Arc::clone(store),
            sealer: Arc::clone(sealer),
            clock: clock.clone(),
            open: RwLock::default(),
            catching_up: Mutex::default(),
        };
        Self(schedules.into_iter().map(instance).collect())
    }

    /// Each of them. The first is the one that clients get who name none.
    pub fn iter(&self) -> impl Iterator<Item = &Instance> {
        self.0.iter()
    }

    /// The instance of this name, or the default one.
    pub fn find(&self, name: Option<&str>) -> Result<&Instance, Error> {
        let found = match name {
            Some(name) => self.iter().find(|instance| instance.name.as_str() == name),
            None => self.iter().next(),
        };
        found.ok_or(Error::UnknownInstance)
    }

    /// Punctures what is over, of every instance, also when that of another one fails. Says when the next epoch ends.
    pub async fn puncture(&self) -> anyhow::Result<DateTime<Utc>> {
        let mut next = DateTime::<Utc>::MAX_UTC;
        let mut failed = None;
        for instance in self.iter() {
            match instance.current().await {
                Ok(open) => next = next.min(open.end),
                Err(error) => {
                    let error = anyhow!(error);
                    failed =
                        Some(error.context(format!("the key of the instance {}", instance.name)));
                }
            }
        }
        failed.map_or(Ok(next), Err)
    }

    /// Whether every instance can evaluate now; if not, what to do.
    pub async fn check(&self) -> anyhow::Result<()> {
        self.puncture()
            .await
            .map(drop)
            .context("a key cannot be used: see the log, and `star-collector randomness doctor`")
    }
}
