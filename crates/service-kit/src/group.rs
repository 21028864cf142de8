//! Work that concurrent requests share: one look-up, one transaction for many.
//!
//! A transaction costs a wait for the disk, whether it writes one row or a thousand. While one
//! batch is worked on, the requests that arrive form the next.

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use clock::Clock;
use futures_util::FutureExt as _;
use tokio::sync::oneshot;

use crate::shutdown::Shutdown;

type Working<R> = Pin<Box<dyn Future<Output = Vec<Result<R, GroupError>>> + Send>>;
type Work<T, R> = dyn Fn(Vec<T>) -> Working<R> + Send + Sync;

type Answer<R> = oneshot::Sender<Result<R, GroupError>>;

/// The bounds of a group.
#[derive(Clone, Copy, Debug)]
pub struct GroupLimits {
    /// How many batches are worked on at once.
    pub lanes: usize,
    /// How many requests a batch has at most.
    pub batch_max: usize,
    /// How many requests wait at most.
    pub waiting_max: usize,
    /// How long a lane waits for more after a batch of several: others are about to come. One caller
    /// who asks one thing after the other never waits for this.
    pub gather: Duration,
}

/// Why a request's share of the work was not done, as far as is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum GroupError {
    /// The work failed; the reason is in the log.
    #[error("the work failed")]
    Failed,
    /// Too many requests are waiting. Nothing was begun.
    #[error("too many requests are waiting")]
    Full,
}

/// A queue whose waiting items are worked on together.
pub struct Group<T, R>(Arc<Inner<T, R>>);

struct Inner<T, R> {
    queue: Mutex<Queue<T, R>>,
    limits: GroupLimits,
    work: Box<Work<T, R>>,
    shutdown: Shutdown,
    clock: Clock,
}

struct Queue<T, R> {
    waiting: VecDeque<(T, Answer<R>)>,
    running: usize,
}

impl<T: Send + 'static, R: Send + 'static> Group<T, R> {
    /// A group whose batches are given to `work`, which answers each item, in order.
    pub fn new<F>(
        limits: GroupLimits,
        clock: Clock,
        shutdown: Shutdown,
        work: impl Fn(Vec<T>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Vec<Result<R, GroupError>>> + Send + 'static,
    {
        Self(Arc::new(Inner {
            queue: Mutex::new(Queue {
                waiting: VecDeque::new(),
                running: 0,
            }),
            limits,
            work: Box::new(move |batch| Box::pin(work(batch))),
            shutdown,
            clock,
        }))
    }

    /// Has `item` worked on together with whatever else is waiting.
    ///
    /// The work goes on when the caller does not wait for it any more, and stopping the service
    /// waits for it.
    pub async fn submit(&self, item: T) -> Result<R, GroupError> {
        let answered = {
            let mut queue = self.0.lock();
            if queue.waiting.len() >= self.0.limits.waiting_max {
                return Err(GroupError::Full);
            }
            let (answer, answered) = oneshot::channel();
            queue.waiting.push_back((item, answer));
            if queue.running < self.0.limits.lanes {
                queue.running += 1;
                let lane = Lane(Arc::clone(&self.0));
                let _waited_for_at_the_end = self.0.shutdown.spawn(lane.work());
            }
            answered
        };
        answered.await.unwrap_or(Err(GroupError::Failed))
    }
}

impl<T, R> Inner<T, R> {
    fn lock(&self) -> MutexGuard<'_, Queue<T, R>> {
        // Nothing that holds this lock can panic half-way.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of the tasks that work on batches. It ends when nothing waits.
struct Lane<T, R>(Arc<Inner<T, R>>);

impl<T: Send, R: Send> Lane<T, R> {
    async fn work(self) {
        let _busy = self.0.clock.busy();
        // Requests come in bursts: those that the last transaction answered together ask again
        // together. One turn for each of them to get here costs microseconds, and makes one batch
        // of what would be a batch of one and a batch of the others.
        tokio::task::yield_now().await;
        while let Some((batch, answers)) = self.next() {
            let crowded = batch.len() > 1;
            // A panic costs this batch, and not those who wait for the lane: without a result, the
            // senders are dropped, and their callers are told that the work failed.
            let work = async { (self.0.work)(batch).await };
            let results = AssertUnwindSafe(work).catch_unwind().await;
            let results = results.unwrap_or_default();
            for (answer, result) in answers.into_iter().zip(results) {
                let _caller_has_gone = answer.send(result);
            }
            if crowded && !self.0.limits.gather.is_zero() {
                tokio::time::sleep(self.0.limits.gather).await;
            }
        }
    }

    /// The next batch and where its answers go. When nothing waits, the lane ends: in the same
    /// moment, so that what comes in afterwards finds it gone.
    fn next(&self) -> Option<(Vec<T>, Vec<Answer<R>>)> {
        let mut queue = self.0.lock();
        // Each lane its share.
        let share = queue.waiting.len().div_ceil(self.0.limits.lanes);
        let count = share.min(self.0.limits.batch_max);
        if count == 0 {
            queue.running -= 1;
            return None;
        }
        Some(queue.waiting.drain(..count).unzip())
    }
}

impl<T, R> Clone for Group<T, R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T, R> fmt::Debug for Group<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("limits", &self.0.limits)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group<F>(
        waiting_max: usize,
        work: impl Fn(Vec<u32>) -> F + Send + Sync + 'static,
    ) -> Group<u32, u32>
    where
        F: Future<Output = Vec<Result<u32, GroupError>>> + Send + 'static,
    {
        let limits = GroupLimits {
            lanes: 1,
            batch_max: 3,
            waiting_max,
            gather: Duration::from_millis(1),
        };
        Group::new(limits, Clock::system(), Shutdown::default(), work)
    }

    #[tokio::test]
    async fn what_waits_while_a_batch_is_worked_on_is_one_batch() {
        let sizes = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&sizes);
        let group = group(100, move |batch| {
            seen.lock().unwrap().push(batch.len());
            async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                batch.iter().map(|n| Ok(n * 2)).collect()
            }
        });

        let submits = (0..8).map(|n| {
            let group = group.clone();
            async move { group.submit(n).await }
        });
        let answers = futures_util::future::join_all(submits).await;

        assert_eq!(answers, (0..8).map(|n| Ok(n * 2)).collect::<Vec<_>>());
        let sizes = sizes.lock().unwrap();
        assert_eq!(sizes.iter().sum::<usize>(), 8);
        assert!(
            sizes.len() <= 4 && sizes.iter().all(|size| *size <= 3),
            "{sizes:?}"
        );
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let group = group(1, |_| std::future::pending());
        let first = tokio::time::timeout(Duration::from_millis(20), group.submit(1)).await;
        let second = tokio::time::timeout(Duration::from_millis(20), group.submit(2)).await;

        assert!(first.is_err() && second.is_err());
        assert_eq!(group.submit(3).await, Err(GroupError::Full));
    }

    #[tokio::test]
    async fn a_panic_costs_its_batch_and_not_the_next() {
        let group = group(10, |batch| async move {
            assert_ne!(batch, [13], "planned");
            batch.into_iter().map(Ok).collect()
        });

        assert_eq!(group.submit(13).await, Err(GroupError::Failed));
        assert_eq!(group.submit(14).await, Ok(14));
    }

    #[tokio::test]
    async fn a_panic_before_the_work_is_begun_costs_no_more() {
        let group = group(10, |batch| {
            assert_ne!(batch, [13], "planned");
            async move { batch.into_iter().map(Ok).collect() }
        });

        assert_eq!(group.submit(13).await, Err(GroupError::Failed));
        assert_eq!(group.submit(14).await, Ok(14));
    }

    #[tokio::test]
    async fn work_is_finished_although_the_caller_has_gone() {
        let done = Arc::new(Mutex::new(0));
        let count = Arc::clone(&done);
        let shutdown = Shutdown::default();
        let limits = GroupLimits {
            lanes: 1,
            batch_max: 1,
            waiting_max: 10,
            gather: Duration::ZERO,
        };
        let group: Group<u32, u32> =
            Group::new(limits, Clock::system(), shutdown.clone(), move |batch| {
                let count = Arc::clone(&count);
                async move {
                    tokio::time::sleep(Duration::from_millis(30)).await;
                    *count.lock().unwrap() += 1;
                    batch.into_iter().map(Ok).collect()
                }
            });

        for n in 0..2 {
            let gone = tokio::time::timeout(Duration::from_millis(1), group.submit(n)).await;
            assert!(gone.is_err());
        }
        assert!(shutdown.finish(Duration::from_secs(5)).await);

        assert_eq!(*done.lock().unwrap(), 2);
    }
}
