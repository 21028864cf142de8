//! Faults: calls that fail by a seed, and transfers that the custodian lies about.

use std::collections::HashMap;

use rand::Rng as _;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Custodian;

/// Attempts are counted for so many requests; a test that makes more starts to count anew.
const COUNTED_MAX: usize = 100_000;

/// So many lies can be told at once.
const LIES_MAX: usize = 100_000;

/// How often calls fail.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FaultSettings {
    /// The same seed fails the same attempts of the same requests.
    #[serde(default)]
    pub seed: u64,
    /// How many calls in a thousand fail.
    #[serde(default, alias = "failures_per_mille")]
    pub failures_per_mille: u16,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Failure {
    /// It is carried out, and its answer is lost.
    AnswerLost,
    /// It is not carried out.
    Refused,
}

/// What the custodian says about one transfer, instead of the truth.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lie {
    /// Bytes that are no JSON.
    Garbage,
    /// The money went somewhere else.
    OtherDestination,
    /// It was other money.
    OtherCurrency,
    /// Always a 500.
    ServerError,
    /// The truth, too late.
    Slow,
    /// Another transfer's id.
    WrongId,
}

/// The faults that are planted now.
#[derive(Debug, Default)]
pub struct Faults {
    settings: FaultSettings,
    attempts: HashMap<String, u64>,
    lies: HashMap<(Custodian, Uuid), Lie>,
}

impl Faults {
    /// Faults of these settings, and no lies.
    pub fn new(settings: FaultSettings) -> Self {
        Self {
            settings,
            ..Self::default()
        }
    }

    /// Uses other settings from now on, counting attempts anew.
    pub fn set(&mut self, settings: FaultSettings) {
        self.settings = settings;
        self.attempts.clear();
    }

    /// Whether the next attempt at `request` fails, drawn from the seed, the request and how often
    /// it was attempted: the order in which other requests come makes no difference.
    pub fn next_attempt(&mut self, request: &str) -> Option<Failure> {
        if self.settings.failures_per_mille == 0 {
            return None;
        }
        if self.attempts.len() >= COUNTED_MAX {
            self.attempts.clear();
        }
        let attempt = self.attempts.entry(request.to_owned()).or_default();
        *attempt += 1;
        let mut draw = clock::random::draw(self.settings.seed, request, *attempt);
        if draw.gen_range(0..1000) >= self.settings.failures_per_mille {
            return None;
        }
        Some(if draw.r#gen() {
            Failure::AnswerLost
        } else {
            Failure::Refused
        })
    }

    /// Lies about a transfer from now on, or stops to. A transfer need not exist yet.
    pub fn tell(&mut self, custodian: Custodian, id: Uuid, lie: Option<Lie>) {
        match lie {
            Some(lie) if self.lies.len() < LIES_MAX => {
                self.lies.insert((custodian, id), lie);
            }
            Some(_) => {}
            None => {
                self.lies.remove(&(custodian, id));
            }
        }
    }

    /// The lie about a transfer.
    pub fn lie(&self, custodian: Custodian, id: Uuid) -> Option<Lie> {
        self.lies.get(&(custodian, id)).copied()
    }
}
