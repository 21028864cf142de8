//! Whole systems under bad conditions.

#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test may panic, and says its seed and its figures"
)]

mod broken;
mod compose;
mod doctor;
mod faults;
mod flood;
#[cfg(feature = "engines")]
mod foreign;
mod proxy;
mod world;
