//! A bounded pool of threads for curve arithmetic.
//!
//! Some milliseconds of arithmetic on an async thread would keep every other request waiting. Here
//! they have threads of their own, and a queue that is full refuses at once: work that would be late
//! anyway is not begun.

use std::{
    fmt, io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
};

use tokio::sync::oneshot;

use crate::problem::{Problem, RetryAfter, Slug};

/// Waiting jobs for each thread. At some 6 ms for the largest job, the last one waits 24 ms.
const QUEUE_PER_THREAD: usize = 4;

type Job = Box<dyn FnOnce() + Send>;

/// The pool. Clones share it; it ends with the last of them.
#[derive(Clone)]
pub struct Pool {
    queue: SyncSender<Job>,
    threads: usize,
}

impl Pool {
    /// A pool with a thread for each core.
    pub fn for_this_machine() -> io::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self::new(cores, cores * QUEUE_PER_THREAD)
    }

    /// A pool of `threads` that lets `queue` jobs wait.
    pub fn new(threads: usize, queue: usize) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(queue);
        let receiver = Arc::new(Mutex::new(receiver));
        let threads = threads.max(1);
        for number in 0..threads {
            let jobs = Arc::clone(&receiver);
            thread::Builder::new()
                .name(format!("crypto {number}"))
                .spawn(move || work(&jobs))?;
        }
        Ok(Self {
            queue: sender,
            threads,
        })
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
        self.queue
            .try_send(Box::new(job))
            .map_err(|error| match error {
                TrySendError::Disconnected(_) => PoolError::Failed,
                TrySendError::Full(_) => PoolError::Full,
            })?;
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

/// Takes jobs until the last sender is gone.
fn work(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else {
            return;
        };
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
