//! What is counted about votes, and when it is shown.
//!
//! A counter that moves with each vote would tell whoever watches it when a vote came, and so would a log line. What
//! was counted is therefore handed to the metrics once per interval (threat U4, contracts §1).

use std::sync::atomic::{AtomicU64, Ordering};

/// What became of requests since the last interval ended.
#[derive(Debug, Default)]
pub struct VoteCounters {
    accepted: AtomicU64,
    refused: AtomicU64,
    unavailable: AtomicU64,
}

/// Names one of the counters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Answered 200.
    Accepted,
    /// Answered with a refusal that repeating does not change.
    Refused,
    /// Answered "try again".
    Unavailable,
}

impl VoteCounters {
    /// Counts one request.
    pub fn count(&self, outcome: Outcome) {
        self.of(outcome).fetch_add(1, Ordering::Relaxed);
    }

    /// Hands what was counted to the metrics, and starts again.
    pub fn publish(&self) {
        for (outcome, label) in [
            (Outcome::Accepted, "accepted"),
            (Outcome::Refused, "refused"),
            (Outcome::Unavailable, "unavailable"),
        ] {
            let counted = self.of(outcome).swap(0, Ordering::Relaxed);
            metrics::counter!("payments_votes_total", "outcome" => label).increment(counted);
        }
    }

    /// What was counted and not published yet.
    pub fn pending(&self, outcome: Outcome) -> u64 {
        self.of(outcome).load(Ordering::Relaxed)
    }

    fn of(&self, outcome: Outcome) -> &AtomicU64 {
        match outcome {
            Outcome::Accepted => &self.accepted,
            Outcome::Refused => &self.refused,
            Outcome::Unavailable => &self.unavailable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_published_is_not_counted_again() {
        let counters = VoteCounters::default();
        counters.count(Outcome::Accepted);
        counters.count(Outcome::Accepted);
        assert_eq!(counters.pending(Outcome::Accepted), 2);

        counters.publish();

        assert_eq!(counters.pending(Outcome::Accepted), 0);
    }
}
