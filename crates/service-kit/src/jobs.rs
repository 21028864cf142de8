//! Work that happens by the calendar.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use clock::Clock;
use futures_util::FutureExt as _;

use crate::shutdown::Shutdown;

mod log_retention;

pub use log_retention::LogRetentionJob;

/// The first pause after a failure, and the longest. It doubles with every third failure, so that whatever comes back is
/// met within a fraction of the time that it was away.
const PAUSE_SECONDS: (i64, i64) = (5, 15 * 60);

/// See [`PAUSE_SECONDS`].
const FAILURES_UNTIL_DOUBLE: u32 = 3;

/// The longest turn of most jobs, in real time. Whoever works longer waits for the answer of a machine that is gone without a
/// word; and what much work has done by then, it need not do again.
const TURN_MAX: Duration = Duration::from_mins(10);

/// Something that a service does by itself.
#[async_trait]
pub trait Job: Send + Sync + 'static {
    /// Names the job in the log and the metrics.
    fn name(&self) -> &'static str;

    /// When it runs first, after the service has started at `now`.
    fn first(&self, now: DateTime<Utc>) -> Next {
        Next::At(now)
    }

    /// How long a turn may take, in real time: ten minutes, unless one step of the work takes longer by itself.
    fn longest_turn(&self) -> Duration {
        TURN_MAX
    }

    /// Does the work once, and says when to do it again. Must bear being stopped at any point, as happens after
    /// [`Self::longest_turn`], and done again. A failure is logged, and the work repeated after a pause.
    async fn run_once(&self) -> anyhow::Result<Next>;
}

/// When a job runs again, on the calendar.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next {
    /// After a time.
    After(TimeDelta),
    /// At a time, or at once when it is past.
    At(DateTime<Utc>),
    /// Not again.
    Never,
}

/// The first instant after `now` at which a day in UTC shows `hour` and `minute`.
pub fn next_daily(now: DateTime<Utc>, hour: u32, minute: u32) -> DateTime<Utc> {
    let time = NaiveTime::from_hms_opt(hour, minute, 0).unwrap_or_default();
    let today = now.date_naive().and_time(time).and_utc();
    if today > now {
        today
    } else {
        today + TimeDelta::days(1)
    }
}

/// Runs `job` until the order to stop. A turn that has begun is finished.
pub(crate) fn start(job: Arc<dyn Job>, clock: &Clock, shutdown: &Shutdown) {
    let mut busy = clock.busy();
    let (clock, order) = (clock.clone(), shutdown.clone());
    let _joined_by_the_tracker = shutdown.spawn(async move {
        let mut next = job.first(clock.now());
        let mut failures = 0_u32;
        loop {
            let time = match next {
                Next::After(pause) => clock.now() + pause,
                Next::At(time) => time,
                Next::Never => return,
            };
            tokio::select! {
                biased;
                () = order.begun() => return,
                () = busy.sleep_until(time) => {}
            }
            if order.has_begun() {
                return;
            }
            next = turn(&*job, &mut failures).await;
        }
    });
}

/// One turn of a job, and the pause when it fails.
async fn turn(job: &dyn Job, failures: &mut u32) -> Next {
    let work = AssertUnwindSafe(job.run_once()).catch_unwind();
    let error = match tokio::time::timeout(job.longest_turn(), work).await {
        Ok(Ok(Ok(next))) => {
            *failures = 0;
            return next;
        }
        Ok(Ok(Err(error))) => error,
        Ok(Err(_panic)) => anyhow::anyhow!("the job panicked"),
        Err(_elapsed) => {
            // It may have done much, and the next turn may do as much again: no reason to wait longer and longer.
            *failures = 0;
            anyhow::anyhow!("the job took too long")
        }
    };
    let (first, longest) = PAUSE_SECONDS;
    let doubled = (*failures / FAILURES_UNTIL_DOUBLE).min(16);
    let pause = first.saturating_mul(1 << doubled).min(longest);
    *failures += 1;
    metrics::counter!("blindtally_job_failures_total", "job" => job.name()).increment(1);
    tracing::error!(
        job = job.name(),
        error = format!("{error:#}"),
        retry_seconds = pause,
        "a job failed and will be repeated"
    );
    Next::After(TimeDelta::seconds(pause))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits for an answer that never comes.
    struct Waiting;

    #[async_trait]
    impl Job for Waiting {
        fn name(&self) -> &'static str {
            "waiting"
        }

        fn longest_turn(&self) -> Duration {
            Duration::from_millis(20)
        }

        async fn run_once(&self) -> anyhow::Result<Next> {
            std::future::pending().await
        }
    }

    #[tokio::test]
    async fn a_turn_that_waits_for_ever_is_given_up_and_soon_repeated() {
        let mut failures = 3;

        let next = turn(&Waiting, &mut failures).await;

        assert_eq!(next, Next::After(TimeDelta::seconds(PAUSE_SECONDS.0)));
    }
}
