//! What a client hears from librdkafka beside the answers to its calls.

use std::sync::{Mutex, PoisonError};

use rdkafka::{
    ClientContext,
    consumer::ConsumerContext,
    error::KafkaError,
    producer::{DeliveryResult, ProducerContext},
};

/// Remembers the last complaint, which names a refused certificate or a broker that is gone while calls
/// just time out, and why a record was not delivered.
#[derive(Debug, Default)]
pub(super) struct Context {
    reason: Mutex<Option<String>>,
    undelivered: Mutex<Option<KafkaError>>,
}

impl Context {
    /// What was complained of last.
    pub(super) fn last_reason(&self) -> Option<String> {
        self.reason
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
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
    }
}
