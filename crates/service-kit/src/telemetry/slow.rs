//! Counters of what requests do, which move once per interval.
//!
//! A counter that moved with each request would tell whoever watches it when somebody voted, and one that moves with
//! the minute still tells it of a quiet service (threat U4, contracts §1).

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// How often these counters move.
pub const COUNTERS_INTERVAL: Duration = Duration::from_mins(15);

/// The counters of this process.
static COUNTERS: Mutex<Counters> = Mutex::new(Counters {
    shown_at: None,
    pending: Vec::new(),
});

/// A counter of what requests do. Clones count together.
#[derive(Clone)]
pub struct SlowCounter(Arc<Pending>);

struct Pending {
    counted: AtomicU64,
    shown: metrics::Counter,
}

impl SlowCounter {
    /// A counter that `shown` shows, an interval behind.
    pub fn new(shown: metrics::Counter) -> Self {
        COUNTERS
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .add(shown)
    }

    /// Counts one.
    pub fn increment(&self) {
        self.0.counted.fetch_add(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for SlowCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlowCounter").finish_non_exhaustive()
    }
}

/// Lets the metrics have what was counted, if an interval is over at `now`.
pub(super) fn show(now: Instant) {
    COUNTERS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .show(now);
}

/// Counters that move together.
struct Counters {
    shown_at: Option<Instant>,
    /// Those of services that were stopped are dropped.
    pending: Vec<Weak<Pending>>,
}

impl Counters {
    fn add(&mut self, shown: metrics::Counter) -> SlowCounter {
        let pending = Arc::new(Pending {
            counted: AtomicU64::new(0),
            shown,
        });
        self.pending.push(Arc::downgrade(&pending));
        SlowCounter(pending)
    }

    fn show(&mut self, now: Instant) {
        let is_early = |at| now.duration_since(at) < COUNTERS_INTERVAL;
        if self.shown_at.is_some_and(is_early) {
            return;
        }
        self.shown_at = Some(now);
        self.pending.retain(|pending| {
            let Some(pending) = pending.upgrade() else {
                return false;
            };
            let counted = pending.counted.swap(0, Ordering::Relaxed);
            pending.shown.increment(counted);
            true
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_shown_once_and_only_when_the_interval_is_over() {
        let mut counters = Counters {
            shown_at: None,
            pending: Vec::new(),
        };
        let shown = Arc::new(AtomicU64::new(0));
        let counter = counters.add(metrics::Counter::from_arc(Arc::clone(&shown)));
        let start = Instant::now();
        counters.show(start);

        let mut seen = Vec::new();
        for minute in 1..=31 {
            counter.increment();
            counters.show(start + Duration::from_mins(minute));
            seen.push(shown.load(Ordering::Relaxed));
        }

        let (first, rest) = seen.split_at(14);
        let (second, third) = rest.split_at(15);
        assert!(first.iter().all(|shown| *shown == 0), "{seen:?}");
        assert!(second.iter().all(|shown| *shown == 15), "{seen:?}");
        assert!(third.iter().all(|shown| *shown == 30), "{seen:?}");
        drop(counter);
        counters.show(start + Duration::from_hours(1));
        assert!(counters.pending.is_empty());
    }
}
