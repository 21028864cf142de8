//! A calendar that moves from one waiter to the next.

use std::{
    collections::BTreeMap,
    fmt,
    panic::Location,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{Notify, oneshot};

use crate::busy::Woken;

/// When a sleeper wakes, and a number that tells sleepers of one instant apart.
pub(crate) type WaiterKey = (DateTime<Utc>, u64);

type Place = &'static Location<'static>;

/// Drives a simulated calendar.
pub struct Simulation {
    shared: Arc<Shared>,
}

impl Simulation {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The time on the calendar.
    pub fn now(&self) -> DateTime<Utc> {
        self.shared.now()
    }

    /// Lives through the calendar until `end`, and returns when it shows `end` and everything that
    /// woke up is asleep again or done.
    ///
    /// Whoever sleeps until the same instant wakes together; nobody of a later instant does before
    /// all of them are asleep again.
    pub async fn run_until(&mut self, end: DateTime<Utc>) {
        loop {
            self.quiet().await;
            if !self.shared.step(end) {
                return;
            }
        }
    }

    /// Lives through `time` on the calendar. See [`run_until`](Self::run_until).
    pub async fn run_for(&mut self, time: TimeDelta) {
        let end = self.now() + time;
        self.run_until(end).await;
    }

    /// Waits until nothing is running, and leaves the calendar where it is.
    pub async fn quiet(&mut self) {
        loop {
            let quiet = self.shared.quiet.notified();
            if self.shared.lock().running.is_empty() {
                return;
            }
            quiet.await;
        }
    }

    /// Where in the source the guards were made that hold the simulation up: the first thing to
    /// look at when it does not go on.
    pub fn held_by(&self) -> Vec<String> {
        let state = self.shared.lock();
        state.running.values().map(ToString::to_string).collect()
    }

    /// The instant of the next waiter.
    pub fn next_waiter(&self) -> Option<DateTime<Utc>> {
        let state = self.shared.lock();
        state.waiters.keys().next().map(|(time, _)| *time)
    }
}

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.lock();
        f.debug_struct("Simulation")
            .field("now", &state.now)
            .field("running", &state.running.len())
            .field("waiting", &state.waiters.len())
            .finish()
    }
}

/// What a simulated calendar and its guards share.
pub(crate) struct Shared {
    state: Mutex<State>,
    quiet: Notify,
}

struct State {
    now: DateTime<Utc>,
    next_id: u64,
    running: BTreeMap<u64, Place>,
    waiters: BTreeMap<WaiterKey, Waiter>,
}

struct Waiter {
    busy: u64,
    place: Place,
    wake: oneshot::Sender<()>,
}

impl Shared {
    pub(crate) fn new(now: DateTime<Utc>) -> Self {
        Self {
            state: Mutex::new(State {
                now,
                next_id: 0,
                running: BTreeMap::new(),
                waiters: BTreeMap::new(),
            }),
            quiet: Notify::new(),
        }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.lock().now
    }

    /// Starts to count a guard, and gives it its number.
    pub(crate) fn begin(&self, place: Place) -> u64 {
        let mut state = self.lock();
        let id = state.fresh_id();
        state.running.insert(id, place);
        id
    }

    /// Counts a guard again.
    pub(crate) fn resume(&self, id: u64, place: Place) {
        self.lock().running.insert(id, place);
    }

    /// Stops counting a guard.
    pub(crate) fn end(&self, id: u64) {
        let mut state = self.lock();
        state.running.remove(&id);
        self.tell_if_quiet(&state);
    }

    /// Puts a guard to sleep, unless `time` has come.
    pub(crate) fn wait(
        &self,
        time: DateTime<Utc>,
        busy: u64,
        place: Place,
    ) -> Option<(WaiterKey, Woken)> {
        let mut state = self.lock();
        if time <= state.now {
            return None;
        }
        let (wake, woken) = oneshot::channel();
        let key = (time, state.fresh_id());
        state.waiters.insert(key, Waiter { busy, place, wake });
        state.running.remove(&busy);
        self.tell_if_quiet(&state);
        Some((key, woken))
    }

    /// Ends a sleep, whether or not its time came.
    pub(crate) fn give_up(&self, key: WaiterKey) {
        let mut state = self.lock();
        if let Some(waiter) = state.waiters.remove(&key) {
            state.running.insert(waiter.busy, waiter.place);
        }
    }

    /// Moves to the next instant that somebody waits for, and wakes them; says whether to go on.
    fn step(&self, end: DateTime<Utc>) -> bool {
        let mut state = self.lock();
        if !state.running.is_empty() {
            return true;
        }
        let next = state.waiters.keys().next().map(|(time, _)| *time);
        let Some(instant) = next.filter(|time| *time <= end) else {
            state.now = state.now.max(end);
            return false;
        };
        state.now = instant;
        while let Some(entry) = state.waiters.first_entry() {
            if entry.key().0 > instant {
                break;
            }
            let waiter = entry.remove();
            // Counted before it can run, so that nobody finds the house quiet in between.
            state.running.insert(waiter.busy, waiter.place);
            // Whoever gave up meanwhile still holds its guard, and stops counting with it.
            let _gave_up = waiter.wake.send(());
        }
        true
    }

    fn tell_if_quiet(&self, state: &State) {
        if state.running.is_empty() {
            self.quiet.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing between lock and unlock can panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn fresh_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }
}
