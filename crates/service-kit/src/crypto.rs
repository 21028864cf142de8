//! A bounded pool of threads for curve arithmetic.
//!
//! Some milliseconds of arithmetic on an async thread would keep every other request waiting. Here
//! they have threads of their own, and a queue that is full refuses at once: work that would be late
//! anyway is not begun.

use std::{
    collections::VecDeque,
    fmt, io,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use serde::Deserialize;
use tokio::sync::oneshot;

use crate::problem::{Problem, RetryAfter, Slug};

/// The section `[crypto]` of a service's settings.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CryptoSettings {
    /// How many jobs may wait for each core.
    pub queue_jobs_per_core: NonZeroUsize,
}

type Job = Box<dyn FnOnce() + Send>;

/// The pool. Clones share it; it ends with the last of them.
#[derive(Clone)]
pub struct Pool {
    handle: Arc<Handle>,
    threads: usize,
}

/// What all clones hold. The threads end when it is dropped.
struct Handle(Arc<Queue>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.changed.notify_all();
    }
}

/// What waits. One lock and one wake-up for each job: with a channel that the threads share, each
/// job would wake a second thread, only to wait in the first one's place.
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    max: usize,
}

struct Waiting {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Pool {
    /// A pool with a thread for each core.
    pub fn for_this_machine(settings: CryptoSettings) -> io::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self::new(
            cores,
            cores.saturating_mul(settings.queue_jobs_per_core.get()),
        )
    }

    /// A pool of `threads` that lets `queue` jobs wait.
    pub fn new(threads: usize, queue: usize) -> io::Result<Self> {
        let queue = Arc::new(Queue {
            waiting: Mutex::new(Waiting {
                jobs: VecDeque::new(),
                closed: false,
            }),
            changed: Condvar::new(),
            max: queue,
        });
        let handle = Arc::new(Handle(Arc::clone(&queue)));
        let threads = threads.max(1);
        for number in 0..threads {
            let jobs = Arc::clone(&queue);
            thread::Builder::new()
                .name(format!("crypto {number}"))
                .spawn(move || work(&jobs))?;
        }
        Ok(Self { handle, threads })
    }

    /// How many jobs run at once.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Does `job` on the pool.
    ///
    /// Refuses when the queue is full. A job whose caller has gone is not begun.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolError> {
        let (answer, answered) = oneshot::channel();
        let job = move || {
            if !answer.is_closed() {
                let _gone = answer.send(job());
            }
        };
        self.handle.0.push(Box::new(job))?;
        answered.await.map_err(|_panicked| PoolError::Failed)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

impl Queue {
    /// Takes a job in, if there is room.
    fn push(&self, job: Job) -> Result<(), PoolError> {
        let mut waiting = self.lock();
        if waiting.jobs.len() >= self.max {
            return Err(PoolError::Full);
        }
        waiting.jobs.push_back(job);
        drop(waiting);
        self.changed.notify_one();
        Ok(())
    }

    /// Waits for a job. None: the pool has ended, and nothing is left to do.
    fn pop(&self) -> Option<Job> {
        let mut waiting = self.lock();
        loop {
            if let Some(job) = waiting.jobs.pop_front() {
                return Some(job);
            }
            if waiting.closed {
                return None;
            }
            let woken = self.changed.wait(waiting);
            waiting = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing that holds this lock can panic half-way.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does jobs until the pool ends.
fn work(queue: &Queue) {
    while let Some(job) = queue.pop() {
        // A panic costs this job and not the thread; the panic hook has said where.
        let _panicked = catch_unwind(AssertUnwindSafe(job));
    }
}

/// Why a job gave no result.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PoolError {
    /// The job panicked.
    #[error("the job panicked")]
    Failed,
    /// Too many jobs are waiting.
    #[error("the queue is full")]
    Full,
}

impl From<PoolError> for Problem {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Failed => Self::internal(),
            PoolError::Full => Self::new(Slug::Overloaded).retry_after(RetryAfter::Seconds1),
        }
    }
}
