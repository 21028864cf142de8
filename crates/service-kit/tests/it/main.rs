//! The floor of every service, over real TLS on loopback.
#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may panic, and leave its tasks behind"
)]

mod config;
mod crypto;
mod jobs;
mod lifecycle;
mod limits;
mod privacy;
mod requests;
mod slow;
mod tls;
mod world;
