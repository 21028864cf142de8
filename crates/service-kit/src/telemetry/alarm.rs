//! States that an operator must hear about once, and not with every request: a log line for each vote, or for each
//! submission of blinded tokens, would say when it came (threat U4).

use std::{
    error::Error,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use super::COUNTERS_INTERVAL;

/// Something that is wrong, until nobody has said so for [`COUNTERS_INTERVAL`]: what comes and goes with the requests
/// must not be logged with each of them.
#[derive(Debug)]
pub struct Alarm {
    name: &'static str,
    raised_at: Mutex<Option<Instant>>,
}

impl Alarm {
    /// An alarm that is quiet. Its name stands in the log and in the metric `blindtally_alarm`.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            raised_at: Mutex::new(None),
        }
    }

    /// Says that it is wrong. Logged when it was not before.
    pub fn raise(&self, cause: &(dyn Error + 'static)) {
        if self.raise_at(Instant::now()) {
            metrics::gauge!("blindtally_alarm", "name" => self.name).set(1);
            tracing::error!(alarm = self.name, error = cause, "requests fail");
        }
    }

    /// Says that all is well. Logged when it was not before.
    pub fn clear(&self) {
        if self.clear_at(Instant::now()) {
            metrics::gauge!("blindtally_alarm", "name" => self.name).set(0);
            tracing::info!(alarm = self.name, "requests succeed again");
        }
    }

    fn raise_at(&self, now: Instant) -> bool {
        let mut raised_at = self
            .raised_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        raised_at.replace(now).is_none()
    }

    fn clear_at(&self, now: Instant) -> bool {
        let mut raised_at = self
            .raised_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let is_over = raised_at.is_some_and(|at| now.duration_since(at) >= COUNTERS_INTERVAL);
        if is_over {
            *raised_at = None;
        }
        is_over
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_alarm_is_told_once_and_ends_when_nobody_has_raised_it_for_an_interval() {
        let alarm = Alarm::new("test");
        let start = Instant::now();
        let after = |minutes| start + Duration::from_mins(minutes);

        assert!(!alarm.clear_at(start), "it was not raised");
        assert!(alarm.raise_at(start));
        assert!(!alarm.clear_at(after(1)));
        assert!(!alarm.raise_at(after(2)));
        assert!(!alarm.clear_at(after(15)), "it was raised at 2");
        assert!(alarm.clear_at(after(17)));
        assert!(!alarm.clear_at(after(18)));
        assert!(alarm.raise_at(after(19)));
    }
}
