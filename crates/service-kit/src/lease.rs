//! Leases: which of several processes may do a job now.
//!
//! A lease lives in the database whose rows the job changes, so that the job's transactions can
//! check it. It runs in real elapsed time, never in calendar time: a simulated month must not expire it.
//!
//! An expired lease alone proves nothing, since its holder may be paused and come back. Therefore each
//! change of holder raises the *lease epoch*, and every transaction of the job begins with
//! [`sqlite::check`]: the epoch it was given is still the current one, or nothing is written.

use std::time::{Duration, Instant};

use uuid::Uuid;

#[cfg(feature = "postgres")]
pub mod postgres;
pub mod sqlite;

/// How long a lease lasts unless it is renewed.
///
/// Long enough for a batch, short enough that a killed process is soon replaced.
pub const LEASE_SECONDS_DEFAULT: u64 = 10;

/// The longest lease, whatever is set. One that ends later is no work of this clock: see `take`.
pub(crate) const LEASE_MS_MAX: i64 = 10 * 60 * 1_000;

/// One process as a holder of leases: random, anew at every start.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Holder(Uuid);

impl Holder {
    /// A holder that no other process is.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// What the database keeps of it.
    pub fn id(&self) -> Uuid {
        self.0
    }
}

/// When to renew a lease that is taken now: when half of it is over. To do so before each batch would cost more than some
/// batches, and to do so later would leave less time for the batch in work.
pub fn renew_at(lasts: Duration) -> Instant {
    Instant::now() + lasts / 2
}

/// A lease that was taken, and is valid until somebody else takes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lease {
    /// What it is for.
    pub name: String,
    /// Raised whenever the holder changes.
    pub epoch: u64,
}

/// Who asks for a lease, and for how long, in real time.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// Who asks.
    pub holder: Holder,
    /// Milliseconds of real time since the Unix epoch.
    pub now_ms: i64,
    /// From when on others may take it.
    pub until_ms: i64,
}

impl Claim {
    /// A claim that begins now, by the real clock.
    pub fn now(holder: Holder, lasts: Duration) -> Self {
        let now_ms = clock::real::unix_millis();
        let lasts_ms = i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX);
        Self {
            holder,
            now_ms,
            until_ms: now_ms.saturating_add(lasts_ms.min(LEASE_MS_MAX)),
        }
    }
}

/// The lease is held by somebody else now: stop, and write nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the lease was taken over by another process")]
pub struct LeaseLost;
