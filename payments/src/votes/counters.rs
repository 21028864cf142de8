//! What is counted about votes.

use service_kit::telemetry::SlowCounter;

/// What became of requests.
#[derive(Clone, Debug)]
pub struct VoteCounters {
    accepted: SlowCounter,
    refused: SlowCounter,
    unavailable: SlowCounter,
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

impl Default for VoteCounters {
    fn default() -> Self {
        let counter = |outcome| {
            SlowCounter::new(metrics::counter!("payments_votes_total", "outcome" => outcome))
        };
        Self {
            accepted: counter("accepted"),
            refused: counter("refused"),
            unavailable: counter("unavailable"),
        }
    }
}

impl VoteCounters {
    /// Counts one request.
    pub fn count(&self, outcome: Outcome) {
        match outcome {
            Outcome::Accepted => &self.accepted,
            Outcome::Refused => &self.refused,
            Outcome::Unavailable => &self.unavailable,
        }
        .increment();
    }
}
