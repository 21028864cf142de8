//! What a client hears from librdkafka beside the answers to its calls.

use std::{
    sync::{Condvar, Mutex, PoisonError},
    time::Duration,
};

use rdkafka::{
    ClientContext,
    consumer::ConsumerContext,
    error::KafkaError,
    producer::{DeliveryResult, ProducerContext},
};

/// Remembers the last complaint, which names a refused certificate or a broker that is gone while calls
/// just time out, why a record was not delivered, and how many are on their way.
#[derive(Debug, Default)]
pub(super) struct Context {
    reason: Mutex<Option<String>>,
    undelivered: Mutex<Option<KafkaError>>,
    in_flight: Mutex<usize>,
    all_arrived: Condvar,
}

impl Context {
    /// What was complained of last.
    pub(super) fn last_reason(&self) -> Option<String> {
        self.reason
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// So many records are about to be sent.
    pub(super) fn sending(&self, records: usize) {
        let mut in_flight = self
            .in_flight
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *in_flight += records;
    }

    /// Waits until it is known of all records that were sent whether they were delivered. `false`: not within `limit`.
    pub(super) fn wait_for_all(&self, limit: Duration) -> bool {
        let in_flight = self
            .in_flight
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .all_arrived
            .wait_timeout_while(in_flight, limit, |in_flight| *in_flight > 0)
            .unwrap_or_else(PoisonError::into_inner);
        !waited.1.timed_out()
    }

    /// Why the first record was not delivered that was not.
    pub(super) fn undelivered(&self) -> Option<KafkaError> {
        self.undelivered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl ClientContext for Context {
    fn error(&self, error: KafkaError, reason: &str) {
        let mut last = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some(format!("{error}: {reason}"));
    }
}

impl ConsumerContext for Context {}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _record)) = result {
            let mut first = self
                .undelivered
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert(error.clone());
        }
        let mut in_flight = self
            .in_flight
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *in_flight = in_flight.saturating_sub(1);
        if *in_flight == 0 {
            self.all_arrived.notify_all();
        }
    }
}
