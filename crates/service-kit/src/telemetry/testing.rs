//! The log of one test.

use std::sync::OnceLock;

use tracing::{
    Dispatch, Subscriber,
    subscriber::{DefaultGuard, NoSubscriber, set_default},
};

/// Has what this thread logs sent to `log`, until the guard is dropped.
///
/// With a single subscriber in the process, tracing asks the thread that first comes to a line whether
/// anybody listens, and keeps its answer for all threads: a test beside this one, which has no log, would
/// silence the line here. So there is always another one, which hears nothing.
pub fn listen(log: impl Subscriber + Send + Sync + 'static) -> DefaultGuard {
    static ANOTHER: OnceLock<Dispatch> = OnceLock::new();
    ANOTHER.get_or_init(|| Dispatch::new(NoSubscriber::default()));
    set_default(log)
}
