//! Whole systems under bad conditions.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod kill;
mod proxy;
mod world;
