//! The relay as a job of its service.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chrono::TimeDelta;

use super::{Ran, Relay, RelayError, RelayParts, Stop};
use crate::jobs::{Job, Next};

/// How soon to look again, in real time, while another process relays.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Runs a [`Relay`] by its schedule.
#[derive(Debug)]
pub struct RelayJob {
    name: &'static str,
    relay: tokio::sync::Mutex<Relay>,
    health: RelayHealth,
}

impl RelayJob {
    /// The job, and what its service's readiness asks.
    pub fn new(name: &'static str, parts: RelayParts) -> (Self, RelayHealth) {
        let health = RelayHealth::default();
        let job = Self {
            name,
            relay: tokio::sync::Mutex::new(Relay::new(parts)),
            health: health.clone(),
        };
        (job, health)
    }
}

#[async_trait]
impl Job for RelayJob {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn run_once(&self) -> anyhow::Result<Next> {
        let mut relay = self.relay.lock().await;
        let ran = relay.run_once().await;
        self.health.note(&ran);
        match ran? {
            Ran::NotMine => {
                // Real time: a lease does not run out by the calendar.
                tokio::time::sleep(LOOK_AGAIN).await;
                Ok(Next::After(TimeDelta::zero()))
            }
            Ran::Published(count) => {
                tracing::debug!(relay = self.name, count, "the outbox was relayed");
                Ok(Next::At(relay.next_run()))
            }
        }
    }
}

/// Whether a relay has stopped for an operator to decide.
#[derive(Clone, Debug, Default)]
pub struct RelayHealth(Arc<Mutex<Option<Stop>>>);

impl RelayHealth {
    /// Fails, with the instruction, while the relay is stopped. For [`crate::service::Readiness`].
    pub fn check(&self) -> anyhow::Result<()> {
        let stop = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stop.map_or(Ok(()), |stop| Err(stop.into()))
    }

    fn note(&self, ran: &Result<Ran, RelayError>) {
        let stop = match ran {
            Err(RelayError::Stopped(stop)) => Some(*stop),
            Ok(_) => None,
            // A failure of another kind says nothing about the disagreement.
            Err(RelayError::Crashed(_) | RelayError::Log(_) | RelayError::Outbox(_)) => return,
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = stop;
    }
}
