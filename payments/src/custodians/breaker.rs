//! A circuit breaker: a custodian that is down is left alone for a while.
//!
//! Otherwise each request would wait for all its tries, and they would hold what others need.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Counts failures in a row, in real time: whether somebody else's machine answers has nothing to do
/// with the calendar.
#[derive(Debug)]
pub(super) struct Breaker {
    failures_max: u32,
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    open_until: Option<Instant>,
}

impl Breaker {
    pub(super) fn new(failures_max: u32, pause: Duration) -> Self {
        Self {
            failures_max: failures_max.max(1),
            pause,
            state: Mutex::default(),
        }
    }

    /// Whether a call may be made now. After a pause one call tries; the others wait for its outcome.
    pub(super) fn admits(&self, now: Instant) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.open_until {
            Some(until) if now < until => false,
            Some(_) => {
                state.open_until = Some(now + self.pause);
                true
            }
            None => true,
        }
    }

    /// Notes how a call ended.
    pub(super) fn note(&self, answered: bool, now: Instant) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if answered {
            *state = State::default();
            return;
        }
        state.failures = state.failures.saturating_add(1);
        if state.failures >= self.failures_max {
            state.open_until = Some(now + self.pause);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_too_many_failures_one_call_tries_and_decides() {
        let pause = Duration::from_secs(10);
        let breaker = Breaker::new(2, pause);
        let start = Instant::now();
        breaker.note(false, start);
        assert!(breaker.admits(start));
        breaker.note(false, start);

        assert!(!breaker.admits(start));
        assert!(breaker.admits(start + pause));
        assert!(!breaker.admits(start + pause), "one at a time");
        breaker.note(true, start + pause);
        assert!(breaker.admits(start + pause));
        assert!(breaker.admits(start + pause));
    }
}
