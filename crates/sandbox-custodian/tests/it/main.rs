//! The sandbox from outside: its money, its faults, and its HTTP.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod faults;
mod http;

mod money;
mod program;
