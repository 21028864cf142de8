//! What all services of this process write to their log, down to debug.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, OnceLock},
};

use tracing_subscriber::{fmt, layer::SubscriberExt as _, registry, util::SubscriberInitExt as _};

/// More than the tests' services write. What comes after is not kept, and the test that looks fails.
pub(crate) const LOG_BYTES_MAX: usize = 256 << 20;

static LOG: OnceLock<Arc<Mutex<Vec<u8>>>> = OnceLock::new();

struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut kept = self.0.lock().unwrap();
        if kept.len() < LOG_BYTES_MAX {
            kept.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Keeps what is logged from now on, as the programs do it: the same filter, the same form.
pub(crate) fn keep() {
    LOG.get_or_init(|| {
        let kept = Arc::default();
        let writer = Arc::clone(&kept);
        let log = fmt::layer()
            .with_writer(move || Kept(Arc::clone(&writer)))
            .json()
            .flatten_event(true);
        let filter = service_kit::telemetry::filter("debug").unwrap();
        registry().with(log).with(filter).init();
        kept
    });
}

/// What was logged since [`keep`].
pub(crate) fn text() -> Vec<u8> {
    LOG.get().unwrap().lock().unwrap().clone()
}
