//! payments as a black box: over HTTPS, with a real challenge-bypass behind it.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod alarms;
mod capability;
mod client;
mod commands;
mod credentials;
mod custodian;
mod forms;
mod generations;
mod house;
mod off_sale;
mod openapi;
mod orders;
mod public;
mod publication;
mod quiet;
mod restated;
mod revoked;
mod settings;
mod shop;
mod transactions;
mod unclaimed;
mod units;
mod votes;
mod votes_refused;
