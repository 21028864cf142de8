//! payments as a black box: over HTTPS, with a real challenge-bypass behind it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod house;
mod public;
mod publication;
mod votes;
mod votes_refused;
