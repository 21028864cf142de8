//! Whole systems under bad conditions.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod broken;
#[cfg(feature = "engines")]
mod brokers;
mod compose;
mod doctor;
mod exactness;
mod faults;
mod flood;
#[cfg(feature = "engines")]
mod foreign;
mod proxy;
#[cfg(feature = "engines")]
mod servers;
mod waited;
mod world;
