//! The attacks of the threat model, each with its control.
//!
//! A test attacks a running system, all services over TLS on loopback, through the interfaces that an
//! attacker has. Its control is the same attack on a system with one fault planted, and passes when the
//! attack succeeds. `threats.toml` says which test belongs to which item.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

#[cfg(feature = "engines")]
mod brokers;
mod capabilities;
mod crowds;
mod directory_key;
mod doors;
mod endpoints;
mod erasure;
mod insiders;
mod keys;
mod linking;
mod mended;
mod moments;
mod month;
mod months;
mod orders;
mod register;
mod restores;
mod secrets;
mod senders;
#[cfg(feature = "engines")]
mod servers;
mod tls;
mod traces;
mod transfers;
mod votes;
mod world;
