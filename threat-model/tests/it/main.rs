//! The attacks of the threat model, each with its control.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod register;
