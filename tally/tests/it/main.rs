//! The tally as a black box: topics in, HTTPS out.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod alarms;
mod api;
mod app;
mod closing;
mod commands;
mod kill;
mod pki;
mod reading;
mod restored;
mod settings;
