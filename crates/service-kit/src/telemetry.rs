//! The log and the metrics of a process.
//!
//! Nothing is written per request. Metrics are shown as they were at the end of the last interval, and what counts
//! requests moves more seldom still ([`SlowCounter`]): it would tell when somebody voted.

mod alarm;
mod slow;
pub mod testing;

use std::{
    io::IsTerminal as _,
    panic,
    sync::{Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{
    Layer as _, filter::Targets, fmt, layer::SubscriberExt as _, registry,
    util::SubscriberInitExt as _,
};

pub use alarm::Alarm;
pub use slow::{COUNTERS_INTERVAL, SlowCounter};

/// How often `/metrics` changes what it shows.
pub const METRICS_INTERVAL: Duration = Duration::from_mins(1);

/// At most one panic in this time is logged: who can cause them must not own the log.
const PANIC_LOG_INTERVAL: Duration = Duration::from_secs(1);

/// What dependencies may say. Some of their messages hold addresses or what a client sent.
const QUIET: &str = "hyper=off,hyper_util=off,macaroon=off,reqwest=off,rustls=off,sqlx=warn,tower=warn,\
                     tower_governor=off,tower_http=warn";

/// Starts the log, at `level` for our own code: JSON, or plain in a terminal. To stderr.
///
/// Called once, by `main`. Also sets the panic hook, which says where and never what.
pub fn init(level: &str) -> anyhow::Result<()> {
    let log = fmt::layer()
        // A line that cannot be written, to a full disk, would be complained of on stderr, which is the log: a panic.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    let log = if std::io::stderr().is_terminal() {
        log.boxed()
    } else {
        log.json().flatten_event(true).boxed()
    };
    let started = registry().with(log).with(filter(level)?).try_init();
    started.map_err(|error| anyhow::anyhow!("the log is started already: {error}"))?;
    panic::set_hook(Box::new(|panic| log_panic(panic.location())));
    Ok(())
}

/// What is written at `level`: our own events, and of dependencies what names no client.
pub fn filter(level: &str) -> anyhow::Result<Targets> {
    Ok(format!("{level},{QUIET}").parse()?)
}

/// Says where a panic was, at most once in the interval.
fn log_panic(place: Option<&panic::Location<'_>>) {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    let now = Instant::now();
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if last.is_some_and(|last| now.duration_since(last) < PANIC_LOG_INTERVAL) {
        return;
    }
    *last = Some(now);
    tracing::error!(
        file = place.map_or("unknown", panic::Location::file),
        line = place.map_or(0, panic::Location::line),
        "a panic was caught; the work it was in has failed"
    );
}

/// The process's metrics. The recorder is installed by whoever asks first.
fn recorder() -> Option<&'static PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    HANDLE
        .get_or_init(|| PrometheusBuilder::new().install_recorder().ok())
        .as_ref()
}

/// What one service's `/metrics` shows.
#[derive(Default)]
pub(crate) struct MetricsPage(Mutex<Option<(Instant, String)>>);

impl MetricsPage {
    /// Whether the next look shows new values.
    pub(crate) fn is_due(&self) -> bool {
        let page = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        page.as_ref()
            .is_none_or(|(made, _)| made.elapsed() >= METRICS_INTERVAL)
    }

    /// The page, in Prometheus's text format.
    pub(crate) fn text(&self) -> String {
        let mut page = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made, text)) = &*page
            && made.elapsed() < METRICS_INTERVAL
        {
            return text.clone();
        }
        let now = Instant::now();
        slow::show(now);
        let text = recorder().map_or_else(String::new, |handle| {
            handle.run_upkeep();
            handle.render()
        });
        *page = Some((now, text.clone()));
        text
    }
}

/// Makes sure that what is counted from now on is kept.
pub(crate) fn start_metrics() {
    let _installed = recorder();
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn of_many_panics_in_a_moment_one_is_logged() {
        let log = Arc::new(Mutex::new(Vec::new()));
        let subscriber = fmt()
            .json()
            .with_writer(Mutex::new(Shared(Arc::clone(&log))))
            .finish();

        let quiet_again = testing::listen(subscriber);
        for _ in 0..100 {
            log_panic(Some(panic::Location::caller()));
        }
        drop(quiet_again);

        let text = String::from_utf8(log.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("telemetry.rs"), "{text}");
    }

    #[test]
    fn what_dependencies_say_about_clients_is_off() {
        let shown = filter("info").unwrap().to_string();

        for quiet in [
            "hyper=off",
            "rustls=off",
            "tower_governor=off",
            "reqwest=off",
        ] {
            assert!(shown.contains(quiet), "{shown}");
        }
        assert!(filter("payments=loudest").is_err());
    }

    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
}
