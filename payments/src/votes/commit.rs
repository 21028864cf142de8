//! Group commit: votes that arrive while another write is on its way share the next one.
//!
//! A write to the disk takes milliseconds whether it holds one vote or two hundred. Nobody waits on purpose: whoever
//! finds the table free writes everything that has gathered by then.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use service_kit::telemetry::Alarm;
use tokio::sync::oneshot::{self, error::TryRecvError};

use crate::{domain::vote::RedeemedVote, store::votes::Store};

/// The most votes in one transaction: its lock is held for some milliseconds, not for seconds.
pub const BATCH_VOTES_MAX: usize = 256;

/// Writes votes together.
pub struct Committer {
    store: Arc<dyn Store>,
    waiting: Mutex<Vec<Pending>>,
    alarm: Alarm,
    /// Held by the one who writes.
    turn: tokio::sync::Mutex<()>,
}

struct Pending {
    vote: RedeemedVote,
    done: oneshot::Sender<Result<(), NotRecorded>>,
}

/// The write failed; whether it took effect is not known. The client repeats its request.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the vote could not be recorded")]
pub struct NotRecorded;

impl Committer {
    /// A committer that writes to `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            waiting: Mutex::default(),
            alarm: Alarm::new("votes-not-recorded"),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// Records `vote`; returns when it is durable.
    pub async fn commit(&self, vote: RedeemedVote) -> Result<(), NotRecorded> {
        let (done, mut outcome) = oneshot::channel();
        self.lock().push(Pending { vote, done });
        loop {
            let _turn = self.turn.lock().await;
            match outcome.try_recv() {
                Ok(outcome) => return outcome,
                // Whoever had taken the vote along died over it.
                Err(TryRecvError::Closed) => return Err(NotRecorded),
                Err(TryRecvError::Empty) => self.write_batch().await,
            }
        }
    }

    /// Writes the votes that came first. Whoever calls holds the turn.
    async fn write_batch(&self) {
        let batch: Vec<_> = {
            let mut waiting = self.lock();
            let count = waiting.len().min(BATCH_VOTES_MAX);
            waiting.drain(..count).collect()
        };
        let (votes, done): (Vec<_>, Vec<_>) = batch
            .into_iter()
            .map(|pending| (pending.vote, pending.done))
            .unzip();
        let outcome = match self.store.record(&votes).await {
            Ok(()) => {
                self.alarm.clear();
                Ok(())
            }
            Err(error) => {
                self.alarm.raise(&error);
                Err(NotRecorded)
            }
        };
        for done in done {
            // Whoever no longer listens was stopped; its vote is recorded all the same.
            let _gone = done.send(outcome);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Pending>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Committer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Committer")
            .field("waiting", &self.lock().len())
            .finish_non_exhaustive()
    }
}
