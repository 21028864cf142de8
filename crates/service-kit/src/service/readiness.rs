//! What must work before a service is ready.

use std::{
    collections::BTreeSet,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::event_log::{EventLog, TopicUse};

/// A check that takes longer has failed.
const CHECK_TIMEOUT: Duration = Duration::from_secs(3);

type Check = dyn Fn() -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>> + Send + Sync;

/// The checks behind `/readyz`, and behind the alarms of their names.
#[derive(Clone, Default)]
pub struct Readiness {
    checks: Vec<(&'static str, Arc<Check>)>,
    alarmed: Arc<Mutex<BTreeSet<&'static str>>>,
}

impl Readiness {
    /// Adds a check: the database answers, the log can be reached.
    ///
    /// What its error says itself is shown to whoever runs the service: what is wrong and what to do, and never what a
    /// client sent. What the error came from is only logged.
    #[must_use]
    pub fn check<F>(
        mut self,
        name: &'static str,
        check: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.checks
            .push((name, Arc::new(move || Box::pin(check()))));
        self
    }

    /// Adds the check that a log can be reached, and what the service does with its topics is allowed.
    #[must_use]
    pub fn event_log(self, log: &Arc<dyn EventLog>, uses: Vec<TopicUse>) -> Self {
        let (log, uses) = (Arc::clone(log), Arc::new(uses));
        self.check("event-log", move || {
            let (log, uses) = (Arc::clone(&log), Arc::clone(&uses));
            async move { Ok(log.check(&uses).await?) }
        })
    }

    /// The checks that fail now, each with what is wrong. Their alarms are raised, and those of the others are over.
    pub(super) async fn failing(&self) -> Vec<(&'static str, String)> {
        let mut failing = Vec::new();
        for (name, check) in &self.checks {
            let checked = tokio::time::timeout(CHECK_TIMEOUT, check()).await;
            let wrong = match checked {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error),
                Err(_late) => Some(anyhow::anyhow!(
                    "no answer within {} s",
                    CHECK_TIMEOUT.as_secs()
                )),
            };
            self.alarm(name, wrong.as_ref());
            failing.extend(wrong.map(|error| (*name, error.to_string())));
        }
        failing
    }

    /// Tells a change, and only that: probes come every few seconds.
    fn alarm(&self, name: &'static str, wrong: Option<&anyhow::Error>) {
        let mut alarmed = self.alarmed.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = match wrong {
            Some(_) => alarmed.insert(name),
            None => alarmed.remove(name),
        };
        if !changed {
            return;
        }
        metrics::gauge!("blindtally_alarm", "name" => name).set(u8::from(wrong.is_some()));
        if let Some(error) = wrong {
            tracing::error!(alarm = name, error = format!("{error:#}"), "a check fails");
        } else {
            tracing::info!(alarm = name, "a check passes again");
        }
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.checks.iter().map(|(name, _)| name))
            .finish()
    }
}
