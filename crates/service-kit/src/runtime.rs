//! The threads that wait for connections.

use std::{io, thread};

use tokio::runtime::{Builder, Runtime};

/// A runtime for a service whose work is arithmetic on a [`Pool`](crate::crypto::Pool): it waits on
/// half of the cores.
///
/// With a thread on every core for both, they would take the cores from each other, and pay for each
/// change.
pub fn for_arithmetic() -> io::Result<Runtime> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    Builder::new_multi_thread()
        .worker_threads(cores.div_ceil(2))
        .enable_all()
        .build()
}
