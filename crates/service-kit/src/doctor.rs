//! `SERVICE doctor`: looks at everything that a service needs, and says in one line each what is right or what to do.
//!
//! It changes nothing: it makes no file and no table, and shuts nobody out. So it may run beside a service, before its
//! first start, and when it does not start.

#[cfg(feature = "postgres")]
mod clocks;
mod database;
mod event_log;
mod files;
mod report;
mod servers;

pub use database::{DatabaseOf, database};
pub use event_log::{LogOf, event_log, position};
pub use files::{bearer_tokens, client_tls, secret, server_tls};
pub use report::{Finding, Report};
pub use servers::{host_and_port, server};
