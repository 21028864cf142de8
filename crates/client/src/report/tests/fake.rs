//! The randomness service and collect, in memory.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use http::{Method, StatusCode};
use star_constellation::api::ppoprf::ppoprf::{Point, Server};

use super::*;
use crate::transport::{Answer, TransportError};

/// What goes wrong.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Fault {
    /// Nobody answers.
    Down,
    /// collect keeps messages, and half of its answers do not arrive.
    LoseAnswers,
    /// The service does not move to the next epoch.
    Lag,
    /// Points are evaluated in another epoch than it says.
    OtherEpoch,
    /// One point too few comes back.
    PointTooFew,
    /// collect refuses.
    Refuse,
    /// The epoch ends after each look.
    WrongEpoch,
}

/// Both services.
pub(super) struct Fake {
    key: Server,
    pub(super) clock: Clock,
    seen: Mutex<Seen>,
}

#[derive(Default)]
pub(super) struct Seen {
    faults: BTreeSet<Fault>,
    requests: usize,
    pub(super) messages: Vec<(DateTime<Utc>, Request)>,
}

impl Fake {
    pub(super) fn new(clock: &Clock) -> Arc<Self> {
        Arc::new(Self {
            key: Server::new((0..=255).collect()).unwrap(),
            clock: clock.clone(),
            seen: Mutex::default(),
        })
    }

    pub(super) fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn plant(&self, fault: Fault) {
        self.seen().faults.insert(fault);
    }

    pub(super) fn mend(&self, fault: Fault) {
        self.seen().faults.remove(&fault);
    }

    fn has(&self, fault: Fault) -> bool {
        self.seen().faults.contains(&fault)
    }

    /// When each message came, repeats too.
    pub(super) fn times(&self) -> Vec<DateTime<Utc>> {
        self.seen().messages.iter().map(|(at, _)| *at).collect()
    }

    /// The bodies of the messages, repeats too.
    pub(super) fn bodies(&self) -> Vec<Vec<u8>> {
        let seen = self.seen();
        let messages = seen.messages.iter();
        messages
            .map(|(_, request)| request.body.clone().unwrap())
            .collect()
    }

    fn epoch(&self) -> i32 {
        let epoch = (self.clock.now() - base()).num_hours();
        i32::try_from(epoch).unwrap() - i32::from(self.has(Fault::Lag))
    }

    fn info(&self) -> InfoResponse {
        let key = bincode::serialize(&self.key.get_public_key()).unwrap();
        InfoResponse {
            public_key: STANDARD.encode(key),
            current_epoch: u8::try_from(self.epoch()).unwrap(),
            next_epoch_time: base() + EPOCH * (self.epoch() + 1),
            max_points: 16,
        }
    }

    fn evaluate(&self, body: &[u8]) -> Answer {
        let request: RandomnessRequest = serde_json::from_slice(body).unwrap();
        let epoch = request.epoch.unwrap();
        if self.has(Fault::WrongEpoch) {
            let problem = br#"{"type":"urn:blindtally:problem:wrong-epoch"}"#.to_vec();
            return answer(StatusCode::BAD_REQUEST, problem);
        }
        let evaluate = |point: &Fixed<32>| {
            let point = Point::from(point.0.as_slice());
            Fixed(
                *self
                    .key
                    .eval(&point, epoch, false)
                    .unwrap()
                    .output
                    .as_bytes(),
            )
        };
        let few = usize::from(self.has(Fault::PointTooFew));
        let response = RandomnessResponse {
            points: request.points.iter().skip(few).map(evaluate).collect(),
            epoch: epoch + u8::from(self.has(Fault::OtherEpoch)),
        };
        answer(StatusCode::OK, serde_json::to_vec(&response).unwrap())
    }

    fn collect(&self, request: &Request) -> Result<Answer, TransportError> {
        if self.has(Fault::Refuse) {
            return Ok(answer(StatusCode::BAD_REQUEST, Vec::new()));
        }
        let mut seen = self.seen();
        seen.messages.push((self.clock.now(), request.clone()));
        if seen.faults.contains(&Fault::LoseAnswers) && seen.messages.len() % 2 == 1 {
            return Err(TransportError::TooLong);
        }
        Ok(answer(StatusCode::NO_CONTENT, Vec::new()))
    }
}

fn answer(status: StatusCode, body: Vec<u8>) -> Answer {
    Answer {
        status,
        retry_after_seconds: None,
        body,
    }
}

#[async_trait]
impl Transport for Fake {
    async fn send(&self, request: &Request) -> Result<Answer, TransportError> {
        self.seen().requests += 1;
        if self.has(Fault::Down) {
            return Err(TransportError::TooLong);
        }
        if request.measurement.is_some() {
            return self.collect(request);
        }
        Ok(match (&request.method, request.path.as_str()) {
            (&Method::GET, "/info" | "/instances/main/info") => {
                answer(StatusCode::OK, serde_json::to_vec(&self.info()).unwrap())
            }
            (&Method::POST, "/randomness" | "/instances/main/randomness") => {
                self.evaluate(request.body.as_ref().unwrap())
            }
            _ => answer(StatusCode::NOT_FOUND, Vec::new()),
        })
    }
}
