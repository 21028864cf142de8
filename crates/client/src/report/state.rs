//! What a client keeps of its measurements: messages until they are taken, and then how many were.

use std::{collections::BTreeMap, fmt};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::transport::{MeasurementHeaders, Request};

/// What this client says to be: channels may keep nothing of older ones.
const VERSION: &str = "3";

/// Everything that a client remembers of its measurements.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct State {
    /// How many were made.
    pub made: u64,
    /// Messages that are not settled.
    pub reports: Vec<Report>,
    /// How many messages came to which end.
    pub settled: BTreeMap<String, u64>,
}

/// A message that is to be sent, the same bytes however often.
#[derive(Clone, Deserialize, Serialize)]
pub struct Report {
    /// Its number, counted from 0.
    pub number: u64,
    /// The channel. `None`: the default one.
    pub channel: Option<String>,
    /// The message's threshold.
    pub threshold: u32,
    /// The instance of the randomness service. `None`: the default one.
    pub instance: Option<String>,
    /// When its epoch ends: nobody can ask for its randomness any more.
    pub epoch_end: DateTime<Utc>,
    /// How far it is.
    pub stage: Stage,
    /// How often it was sent.
    pub attempts: u32,
    /// The message, in base64.
    pub message: String,
}

/// How far a message is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Stage {
    /// Its epoch is over: it is sent then.
    Due(DateTime<Utc>),
    /// It is kept, and then the randomness service is asked whether its epoch is over.
    Held(DateTime<Utc>),
}

impl Stage {
    /// When something is to be done.
    pub fn time(self) -> DateTime<Utc> {
        match self {
            Self::Due(time) | Self::Held(time) => time,
        }
    }
}

/// What became of a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It never will be taken.
    Refused {
        /// The status.
        status: u16,
        /// The problem's slug.
        slug: Option<String>,
    },
    /// It is kept by collect, and counts once, however often it was sent.
    Taken,
    /// It was sent, and no answer came for as long as one can be expected.
    Unanswered,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { status, slug } => {
                let why = slug.as_deref().unwrap_or("no reason");
                write!(f, "refused: {status} {why}")
            }
            Self::Taken => f.write_str("taken"),
            Self::Unanswered => f.write_str("unanswered"),
        }
    }
}

impl State {
    /// Keeps a message under the next number.
    pub(super) fn keep(&mut self, report: Report) -> u64 {
        let number = self.made;
        self.made += 1;
        self.reports.push(Report { number, ..report });
        number
    }

    pub(super) fn find_mut(&mut self, number: u64) -> Option<&mut Report> {
        self.reports
            .iter_mut()
            .find(|report| report.number == number)
    }

    /// Notes what became of a message, and forgets it.
    pub(super) fn settle(&mut self, number: u64, outcome: &Outcome) {
        self.reports.retain(|report| report.number != number);
        *self.settled.entry(outcome.to_string()).or_default() += 1;
    }
}

impl Report {
    /// What is sent.
    pub(super) fn request(&self) -> Request {
        let channel = self.channel.as_deref().unwrap_or_default();
        let body = self.message.clone().into_bytes();
        Request {
            measurement: Some(MeasurementHeaders {
                version: VERSION,
                threshold: self.threshold,
            }),
            ..Request::post(format!("/{channel}"), body)
        }
    }
}

/// Shows no byte of the message.
impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report")
            .field("number", &self.number)
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}
