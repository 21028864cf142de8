//! The whole system from outside.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod defaults;
mod demo;
mod pages;
mod steps;
mod system;
mod up;
