//! The public API.

pub mod alarms;
mod anonymity_sets;
mod credentials;
mod health;
mod holder;
pub mod idempotency;
mod key_directory;
mod orders;
pub mod orders_state;
pub mod public;
mod transactions;
mod votes;
