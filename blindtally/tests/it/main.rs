//! The whole system from outside.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod demo;
mod system;
mod up;
