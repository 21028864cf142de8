//! What must work before a service is ready.

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

/// A check that takes longer has failed.
const CHECK_TIMEOUT: Duration = Duration::from_secs(3);

type Check = dyn Fn() -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>> + Send + Sync;

/// The checks behind `/readyz`.
#[derive(Clone, Default)]
pub struct Readiness(Vec<(&'static str, Arc<Check>)>);

impl Readiness {
    /// Adds a check: the database answers, the log can be reached.
    #[must_use]
    pub fn check<F>(
        mut self,
        name: &'static str,
        check: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.0.push((name, Arc::new(move || Box::pin(check()))));
        self
    }

    /// The names of the checks that fail now.
    pub(super) async fn failing(&self) -> Vec<&'static str> {
        let mut failing = Vec::new();
        for (name, check) in &self.0 {
            let result = tokio::time::timeout(CHECK_TIMEOUT, check()).await;
            if !matches!(result, Ok(Ok(()))) {
                failing.push(*name);
            }
        }
        failing
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}
