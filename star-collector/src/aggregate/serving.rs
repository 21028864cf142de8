//! Run after run, and what is told meanwhile: readiness and metrics.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use service_kit::{
    event_log::TopicUse,
    service::{Readiness, admin_alone},
};

use super::worker::Parts;
use crate::domain::channel::Channel;

/// After a run that failed, the next one begins so soon at the latest.
const FAILED_PAUSE_MAX: Duration = Duration::from_mins(1);

/// What the aggregator does with the topics of a channel.
pub(super) fn uses(channel: &Channel) -> Vec<TopicUse> {
    vec![
        TopicUse::read(&channel.input_topic),
        TopicUse::write(&channel.output_topic),
    ]
}

/// Runs again and again, so long after the end of the run before, until the order to stop. A run that fails changes
/// nothing that the next one would not put right, so it is logged, and told by readiness.
pub(super) async fn repeat<F>(
    parts: &Parts,
    every: Duration,
    admin_listen: SocketAddr,
    run: impl Fn() -> F,
) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let last = LastRun::default();
    let admin = admin_alone(admin_listen, readiness(parts, &last), &parts.shutdown).await?;
    tracing::info!(channel = parts.channel.name, %admin, "the aggregator runs");
    while !parts.shutdown.has_begun() {
        let ran = run().await;
        last.note(&ran);
        let pause = match ran {
            Ok(()) => every,
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(error, "a run failed and will be repeated");
                every.min(FAILED_PAUSE_MAX)
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = parts.shutdown.begun() => {}
        }
    }
    Ok(())
}

fn readiness(parts: &Parts, last: &LastRun) -> Readiness {
    let store = Arc::clone(&parts.store);
    let last = last.clone();
    Readiness::default()
        .check("database", move || {
            let store = Arc::clone(&store);
            async move { store.check().await }
        })
        .event_log(&parts.log, uses(&parts.channel))
        .check("last-run", move || std::future::ready(last.check()))
}

/// Why the last run failed, if it did. Clones belong together.
#[derive(Clone, Debug, Default)]
struct LastRun(Arc<Mutex<Option<String>>>);

impl LastRun {
    fn note(&self, ran: &anyhow::Result<()>) {
        let failed = ran.as_ref().err().map(ToString::to_string);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = failed;
    }

    fn check(&self) -> anyhow::Result<()> {
        let failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failed
            .clone()
            .map_or(Ok(()), |why| Err(anyhow::anyhow!(why)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_run_is_told_until_one_succeeds() {
        let last = LastRun::default();
        assert!(last.check().is_ok());

        last.note(&Err(
            anyhow::anyhow!("the cause").context("the disk is full")
        ));

        let told = last.check().unwrap_err();
        assert_eq!(told.to_string(), "the disk is full");
        last.note(&Ok(()));
        assert!(last.check().is_ok());
    }
}
