//! The public API.

mod anonymity_sets;
mod health;
mod key_directory;
pub mod public;
mod votes;
