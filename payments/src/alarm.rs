//! States that an operator must hear about once, and not with every request: a log line for each vote, or for each
//! submission of blinded tokens, would say when it came (threat U4).

use std::{
    error::Error,
    sync::atomic::{AtomicBool, Ordering},
};

/// Something that is wrong until it is not.
#[derive(Debug)]
pub struct Alarm {
    name: &'static str,
    raised: AtomicBool,
}

impl Alarm {
    /// An alarm that is quiet. Its name stands in the log and in the metric `payments_alarm`.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            raised: AtomicBool::new(false),
        }
    }

    /// Says that it is wrong. Logged when it was not before.
    pub fn raise(&self, cause: &(dyn Error + 'static)) {
        if !self.raised.swap(true, Ordering::Relaxed) {
            metrics::gauge!("payments_alarm", "name" => self.name).set(1);
            tracing::error!(alarm = self.name, error = cause, "requests fail");
        }
    }

    /// Says that all is well. Logged when it was not before.
    pub fn clear(&self) {
        if self.raised.swap(false, Ordering::Relaxed) {
            metrics::gauge!("payments_alarm", "name" => self.name).set(0);
            tracing::info!(alarm = self.name, "requests succeed again");
        }
    }

    /// Whether it is wrong now.
    pub fn is_raised(&self) -> bool {
        self.raised.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_stays_until_all_is_well() {
        let alarm = Alarm::new("test");
        let cause = std::io::Error::other("broken");

        alarm.raise(&cause);
        alarm.raise(&cause);
        assert!(alarm.is_raised());

        alarm.clear();
        assert!(!alarm.is_raised());
    }
}
