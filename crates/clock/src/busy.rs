//! The guard of whoever is working, and how it sleeps.

use std::{future::Future, panic::Location, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::{sync::oneshot, time::Instant};

use crate::{
    calendar::{Clock, Source},
    simulation::{Shared, WaiterKey},
};

/// The longest that a sleeper on the machine's calendar goes without looking at it again: the
/// machine may have been suspended, or its clock set.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Says that something is running: a request, a job's turn, a client's step.
///
/// A simulation moves only while every such guard is asleep in [`sleep_until`](Self::sleep_until),
/// [`sleep`](Self::sleep) or [`while_idle`](Self::while_idle), or dropped. A guard that waits for
/// something else holds the simulation up, which is right when the other end is working too.
#[derive(Debug)]
#[must_use = "a simulation stands still only while the guard lives"]
pub struct Busy {
    source: Source,
    id: u64,
    place: &'static Location<'static>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Simulated(_) => "Simulated",
            Self::System => "System",
        })
    }
}

impl Busy {
    pub(crate) fn new(source: Source, place: &'static Location<'static>) -> Self {
        let id = match &source {
            Source::Simulated(shared) => shared.begin(place),
            Source::System => 0,
        };
        Self { source, id, place }
    }

    /// Another guard on the same calendar, for a task that this one starts: the work never looks
    /// finished between the two.
    pub fn another(&self) -> Self {
        Self::new(self.source.clone(), self.place)
    }

    /// Sleeps until the calendar shows `time`; does not sleep when it already does.
    ///
    /// On the machine's calendar never longer than it was until then at the beginning: whoever sleeps while the clock is
    /// set back by hours would be late by as much, and looks at the calendar anyway.
    ///
    /// The guard does not count while it sleeps, and counts again before anything sees it awake. The
    /// future may be dropped at any time: then the guard counts again at once.
    pub async fn sleep_until(&mut self, time: DateTime<Utc>) {
        match &self.source {
            Source::Simulated(shared) => {
                let Some((key, woken)) = shared.wait(time, self.id, self.place) else {
                    return;
                };
                let _waiting = Waiting { shared, key };
                // The simulation keeps the other end until it wakes us, and whoever drops the
                // simulation leaves its calendar standing still for ever.
                if woken.await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
            Source::System => {
                let left = || (time - Clock::system().now()).to_std().unwrap_or_default();
                let end = Instant::now() + left();
                loop {
                    let left = left().min(end.saturating_duration_since(Instant::now()));
                    if left.is_zero() {
                        return;
                    }
                    tokio::time::sleep(left.min(LOOK_AGAIN)).await;
                }
            }
        }
    }

    /// Sleeps for a time on the calendar. See [`sleep_until`](Self::sleep_until).
    pub async fn sleep(&mut self, time: TimeDelta) {
        let now = match &self.source {
            Source::Simulated(shared) => shared.now(),
            Source::System => Clock::system().now(),
        };
        self.sleep_until(now + time).await;
    }

    /// Waits for something that may take any time on the calendar, such as a message or the order
    /// to stop. The guard does not count meanwhile.
    ///
    /// A simulation may move between the moment that `future` is ready and the moment that this
    /// task runs again. A sender who must not let that happen sends a [`Busy`] along.
    pub async fn while_idle<F: Future>(&mut self, future: F) -> F::Output {
        let _idle = match &self.source {
            Source::Simulated(shared) => {
                shared.end(self.id);
                Some(Idle {
                    shared,
                    id: self.id,
                    place: self.place,
                })
            }
            Source::System => None,
        };
        future.await
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Source::Simulated(shared) = &self.source {
            shared.end(self.id);
        }
    }
}

/// Takes a waiter off the list when its sleep is given up.
struct Waiting<'a> {
    shared: &'a Arc<Shared>,
    key: WaiterKey,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.shared.give_up(self.key);
    }
}

/// Counts a guard again after it was idle.
struct Idle<'a> {
    shared: &'a Arc<Shared>,
    id: u64,
    place: &'static Location<'static>,
}

impl Drop for Idle<'_> {
    fn drop(&mut self) {
        self.shared.resume(self.id, self.place);
    }
}

/// What a sleeper waits on.
pub(crate) type Woken = oneshot::Receiver<()>;
