//! What a client hears from librdkafka beside the answers to its calls.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use rdkafka::{
    ClientContext,
    consumer::ConsumerContext,
    error::KafkaError,
    producer::{DeliveryResult, ProducerContext},
};

/// Remembers the last complaint, which names a refused certificate or a broker that is gone while calls
/// just time out, and counts the records that were not delivered.
#[derive(Debug, Default)]
pub(super) struct Context {
    reason: Mutex<Option<String>>,
    undelivered: AtomicU64,
}

impl Context {
    /// What was complained of last.
    pub(super) fn last_reason(&self) -> Option<String> {
        self.reason
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// How many records were not delivered.
    pub(super) fn undelivered(&self) -> u64 {
        self.undelivered.load(Ordering::Acquire)
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
        if result.is_err() {
            self.undelivered.fetch_add(1, Ordering::AcqRel);
        }
    }
}
